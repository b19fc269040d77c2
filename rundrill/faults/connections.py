"""A database has no connection left: we hold all that its role may open."""

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence, TargetError, UndoError
from rundrill.gateway.postgres import DatabaseError
from rundrill.ledger import LASTS
from rundrill.session import Session
from rundrill.waiting import until

GONE_WITHIN = timedelta(seconds=30)
NAME = "rundrill-holds"
"""The application_name of every connection that is held."""
HELD = "SELECT count(*) AS held FROM pg_stat_activity WHERE application_name = %s"
END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s AND usename = current_user"
_held = contextlib.ExitStack()


def preview(session: Session, runbook: str, count: int) -> guard.Preview:
    """The connections, of all that the server takes."""
    most = int(session.postgres(runbook).rows("SHOW max_connections")[0]["max_connections"])
    return guard.Preview(
        "hold connections", None, f"connections of {runbook}", ("connections",) * count, most
    )


def hold(count: int, configuration: Mapping[str, Any]) -> str:
    """What showed that they are held: the server's own count, told to a connection of the reader that was open before.

    Fewer than asked for are enough where it takes no more.
    """
    session, runbook = child.session(), str(configuration["runbook"])
    guard.allow_database(session, runbook, preview(session, runbook, count))
    with child.injecting("connections", {"runbook": runbook}):
        hops.note(child.directory(), "injected", datetime.now(UTC), "postgres", f"up to {count} connections")
        opened = _opened(session, runbook, count)
    if not opened:
        raise TargetError("PostgreSQL let us open no connection at all")
    counted = int(session.postgres(runbook).rows(HELD, (NAME,))[0]["held"])
    if counted < opened:
        raise NoEvidence(f"{opened} connections were opened, the server counts {counted} of them")
    full = ", and it takes no more" if opened < count else ""
    proof = f"{opened} connections held, by the server's own count{full}"
    hops.note(child.directory(), "fault_proven", datetime.now(UTC), "postgres", proof)
    return proof


def _opened(session: Session, runbook: str, count: int) -> int:
    for opened in range(count):
        try:
            connection = _held.enter_context(session.postgres(runbook, "driller").connect())
            connection.execute(f"SET application_name = '{NAME}'")
            # Should nobody be left to undo it, the server ends them by itself; a full one lets no undoer in.
            connection.execute(f"SET idle_session_timeout = '{int(LASTS.total_seconds())}s'")
        except DatabaseError:
            return opened  # It takes no more: that is what we are after.
    return count


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
        return bool(connection.execute(HELD, (NAME,)).fetchall()[0]["held"] == 0)
