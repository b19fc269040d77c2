"""A database has no connection left: we hold all that its role may open."""

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence, TargetError, UndoError
from rundrill.gateway.postgres import DatabaseError
from rundrill.session import Session
from rundrill.waiting import until

GONE_WITHIN = timedelta(seconds=30)
NAME = "rundrill-holds"
"""The application_name of every connection that is held."""
COUNT = "SELECT count(*) AS held FROM pg_stat_activity WHERE application_name = %s AND usename = current_user"
END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s AND usename = current_user"
_held = contextlib.ExitStack()


def preview(session: Session, runbook: str, count: int) -> guard.Preview:
    """The connections, of all that the server takes."""
    most = int(session.postgres(runbook).rows("SHOW max_connections")[0]["max_connections"])
    return guard.Preview(
        "hold connections", None, f"connections of {runbook}", ("connections",) * count, most
    )


def hold(count: int, configuration: Mapping[str, Any]) -> str:
    """What showed that they are held: the server's own count. Fewer than asked for are enough where it takes no more."""
    session, runbook = child.session(), str(configuration["runbook"])
    guard.allow_database(session, runbook, preview(session, runbook, count))
    opened = 0
    with child.injecting("connections", {"runbook": runbook}):
        hops.note(child.directory(), "injected", datetime.now(UTC), "postgres", f"up to {count} connections")
        for _ in range(count):
            try:
                connection = _held.enter_context(session.postgres(runbook, "driller").connect())
                connection.execute(f"SET application_name = '{NAME}'")
            except DatabaseError:
                break  # It takes no more: that is what we are after.
            opened += 1
    if not opened:
        raise TargetError("PostgreSQL let us open no connection at all")
    said = session.postgres(runbook, "driller").rows(COUNT, (NAME,)) if opened < count else None
    return f"{opened} connections held" + (f", the server counts {said[0]['held']}" if said else "")


def undo(session: Session, undo: Mapping[str, Any]) -> str:
    """What shows that none is held any more, whoever held them."""
    with contextlib.suppress(DatabaseError):
        _held.close()
    runbook = str(undo["runbook"])
    try:
        left = until(lambda: _none_left(session, runbook), GONE_WITHIN)
    except NoEvidence as error:
        raise UndoError(f"the connections of {runbook} could not be counted: {error}") from None
    if not left:
        raise UndoError(f"{runbook}: connections are still held {GONE_WITHIN} after they were told to end")
    return f"no connection of ours is left on {runbook}"


def _none_left(session: Session, runbook: str) -> bool:
    with session.postgres(runbook, "driller").connect() as connection:
        connection.execute(END, (NAME,))
        return bool(connection.execute(COUNT, (NAME,)).fetchall()[0]["held"] == 0)
