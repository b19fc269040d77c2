"""A transaction that never ends holds a table, so that every connection of a pool comes to wait for it."""

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rundrill import child, guard, hops, ledger
from rundrill.errors import NoEvidence, TargetError, UndoError
from rundrill.faults.pools import fullest_pool
from rundrill.gateway.postgres import DatabaseError
from rundrill.session import Session
from rundrill.waiting import until

BITES_WITHIN = timedelta(seconds=90)
GONE_WITHIN = timedelta(seconds=30)
FULL = 0.9
HOLDS = (
    "SELECT count(*) AS held FROM pg_locks WHERE pid = %s AND granted"
    " AND mode = 'AccessExclusiveLock' AND relation = %s::regclass"
)
ALIVE = "SELECT count(*) AS alive FROM pg_stat_activity WHERE pid = %s AND backend_start::text = %s"
END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s AND backend_start::text = %s"
_held = contextlib.ExitStack()


def preview(session: Session, runbook: str, table: str) -> guard.Preview:
    """The table, where there is one."""
    found = session.postgres(runbook).rows("SELECT to_regclass(%s) IS NOT NULL AS found", (table,))
    return guard.Preview("lock", None, f"table {table}", (table,) if found[0]["found"] else (), 1)


def hold_table(
    table: str, namespace: str, workload: str, configuration: Mapping[str, Any] | None = None
) -> str:
    """What showed that the pool is full: the lock in pg_locks, and what the service itself says of its pool."""
    session, runbook = child.session(), str((configuration or {})["runbook"])
    guard.allow_database(session, runbook, preview(session, runbook, table))
    pid = _hold(session, runbook, table)
    proof = until(lambda: _bites(session, runbook, (pid, table), (namespace, workload)), BITES_WITHIN)
    if proof is None:
        raise NoEvidence(f"the pool of {workload} did not fill within {BITES_WITHIN} of locking {table}")
    hops.note(child.directory(), "fault_proven", datetime.now(UTC), "pool, pg_locks", proof)
    return proof


def undo(session: Session, undo: Mapping[str, Any]) -> str:
    """What shows that the transaction is gone; it rolls back, and never changed a row."""
    pid, since = int(undo["pid"]), str(undo["since"])
    try:
        with session.postgres(str(undo["runbook"]), "driller").connect() as connection:
            connection.execute(END, (pid, since))
            gone = until(
                lambda: connection.execute(ALIVE, (pid, since)).fetchall()[0]["alive"] == 0,
                GONE_WITHIN,
            )
    except DatabaseError as error:
        raise UndoError(f"the backend {pid} could not be ended: {error}") from None
    if not gone:
        raise UndoError(f"the backend {pid} is still there {GONE_WITHIN} after it was told to end")
    with contextlib.suppress(DatabaseError):
        _held.close()
    return f"the backend {pid} that held {undo['table']} is gone"


def _hold(session: Session, runbook: str, table: str) -> int:
    """The backend that holds the table from now on; its entry stands in the ledger before it locks."""
    try:
        connection = _held.enter_context(session.postgres(runbook, "driller").connect(autocommit=False))
        who = connection.execute(
            "SELECT pid, backend_start::text AS since FROM pg_stat_activity WHERE pid = pg_backend_pid()"
        ).fetchall()[0]
        with child.injecting("lock", {"runbook": runbook, "table": table, **who}):
            # Should nobody be left to undo it, the server ends the transaction by itself.
            seconds = int(ledger.LASTS.total_seconds())
            connection.execute(f"SET idle_in_transaction_session_timeout = '{seconds}s'")
            connection.execute(f'LOCK TABLE "{table}" IN ACCESS EXCLUSIVE MODE')
    except DatabaseError as error:
        raise TargetError(f"PostgreSQL refuses to lock {table}: {error}") from None
    hops.note(
        child.directory(), "injected", datetime.now(UTC), "postgres", f"backend {who['pid']} holds {table}"
    )
    return int(who["pid"])


def _bites(session: Session, runbook: str, lock: tuple[int, str], service: tuple[str, str]) -> str | None:
    held = session.postgres(runbook).rows(HOLDS, lock)[0]["held"]
    pool = fullest_pool(session.kube, *service)
    if not held or pool is None or pool.active <= FULL * pool.most:
        return None
    return f"backend {lock[0]} holds {lock[1]}; {pool.pod} says {pool.active:g} of {pool.most:g} connections in use"
