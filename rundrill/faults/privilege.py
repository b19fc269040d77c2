"""A service may no longer read one of its tables."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence, TargetError, UndoError
from rundrill.faults.proof import first_refused, words
from rundrill.gateway.postgres import DatabaseError
from rundrill.session import Session
from rundrill.waiting import until

BITES_WITHIN = timedelta(seconds=45)
MAY_READ = "SELECT has_table_privilege(%s, %s, 'SELECT') AS may"


def preview(session: Session, runbook: str, table: str, role: str) -> guard.Preview:
    """The table, where the role may read it now."""
    subjects = (f"{role} on {table}",) if _may_read(session, runbook, table, role) else ()
    return guard.Preview("revoke SELECT", None, f"table {table}", subjects, 1)


def hide_table(table: str, role: str, seen_on: str, configuration: Mapping[str, Any]) -> str:
    """What showed that the table is hidden: the catalog's own word, and a user of that path who was refused."""
    session, runbook = child.session(), str(configuration["runbook"])
    guard.allow_database(session, runbook, preview(session, runbook, table, role))
    with child.injecting("privilege", {"runbook": runbook, "table": table, "role": role}):
        injected = datetime.now(UTC)
        hops.note(
            child.directory(), "injected", injected, "postgres", f"SELECT on {table} revoked from {role}"
        )
        _change(session, runbook, f'REVOKE SELECT ON "{table}" FROM "{role}"')
    proof = until(lambda: _bites(session, runbook, (table, role, seen_on), injected), BITES_WITHIN)
    if proof is None:
        raise NoEvidence(f"users of {seen_on} are still answered {BITES_WITHIN} after the revoke")
    hops.note(child.directory(), "fault_proven", datetime.now(UTC), "crowd, postgres", proof)
    return proof


def undo(session: Session, undo: Mapping[str, Any]) -> str:
    """What shows that the role may read the table again."""
    runbook, table, role = str(undo["runbook"]), str(undo["table"]), str(undo["role"])
    if not _may_read(session, runbook, table, role):
        _change(session, runbook, f'GRANT SELECT ON "{table}" TO "{role}"')
    if not _may_read(session, runbook, table, role):
        raise UndoError(f"{role} still may not read {table} after the grant")
    return f"{role} may read {table} again"


def _bites(session: Session, runbook: str, where: tuple[str, str, str], since: datetime) -> str | None:
    table, role, path = where
    refused = first_refused(child.crowd(), path, since)
    if refused is None or _may_read(session, runbook, table, role):
        return None
    return f"{role} may not read {table}; {words(refused)}"


def _may_read(session: Session, runbook: str, table: str, role: str) -> bool:
    """Asked as the reader, who did not change it."""
    return bool(session.postgres(runbook).rows(MAY_READ, (role, table))[0]["may"])


def _change(session: Session, runbook: str, sql: str) -> None:
    try:
        with session.postgres(runbook, "driller").connect() as connection:
            # Table and role are the experiment's own words, quoted; no parameter may stand for a name.
            connection.execute(sql)
    except DatabaseError as error:
        raise TargetError(f"PostgreSQL refuses {sql!r}: {error}") from None
