"""A replica of PostgreSQL receives and does not replay: it answers with what was true some time ago, and falls behind."""

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rundrill import child, hops
from rundrill.errors import NoEvidence, TargetError
from rundrill.faults import process
from rundrill.gateway.postgres import DatabaseError
from rundrill.session import Session
from rundrill.waiting import until

LAGS_WITHIN = timedelta(seconds=60)
BEHIND = "SELECT pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::bigint AS bytes"
# A word in the log of the primary, in no table: where nobody writes, nobody could fall behind.
WORD = "SELECT pg_logical_emit_message(false, 'rundrill', repeat('x', 1000))"


def stop_replay(
    namespace: str,
    selector: str,
    configuration: Mapping[str, Any],
    server: str = "replica",
    container: str | None = None,
) -> str:
    """What showed that it falls behind: bytes that it received and has not replayed, by its own account.

    Its startup process is frozen; the undo lets it go on, as that of any frozen process.
    """
    session, runbook = child.session(), str(configuration["runbook"])
    _behind(session, runbook, server)  # What cannot be asked now could not be proven later.
    process.freeze(namespace, selector, configuration, r"postgres:.* startup", container, count=1)
    lag = until(lambda: _grown(session, runbook, server), LAGS_WITHIN, timedelta(seconds=1))
    if lag is None:
        raise NoEvidence(f"{server} of {runbook} is not behind {LAGS_WITHIN} after its replay was stopped")
    said = f"{server} of {runbook} has received {lag} bytes that it does not replay"
    hops.note(child.directory(), "fault_proven", datetime.now(UTC), "postgres", said)
    return said


def _grown(session: Session, runbook: str, server: str) -> int | None:
    if "driller" in session.platform(runbook).postgres:
        with contextlib.suppress(DatabaseError, TargetError, NoEvidence):
            session.postgres(runbook, "driller").rows(WORD)
    return _behind(session, runbook, server) or None


def _behind(session: Session, runbook: str, server: str) -> int:
    said = session.postgres(runbook, server).rows(BEHIND)[0]["bytes"]
    if said is None:
        raise NoEvidence(f"{server} of {runbook} is no replica: it receives nothing")
    return int(said)
