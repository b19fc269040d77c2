"""Break platform ai-data-readiness in many places at once, and see exactly the promises fail that should, each for its cause."""

import contextlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from breaking import not_met, paused, settled
from readiness_harm import (
    IN_THE_DATABASE,
    SLUG,
    SPACE,
    ask_the_cache_in_vain,
    break_the_database,
    make_an_unindexed_table,
    psql,
    restore_test_of_a_truncated_dump,
    take_connections,
)
from workbench import opened

from rundrill.session import Session
from rundrill.verdict import Outcome, Verdict

pytestmark = [pytest.mark.cluster, pytest.mark.on("ai-data-readiness")]

CRONJOBS = tuple(f"{SLUG}-{name}" for name in ("backup", "file-backup", "restore-test"))

# What one table does that was made without an index and is written to under a transaction that nobody ended.
BY_ONE_TABLE = {
    "database.missing-indexes": r"unindexed: sequential is 1",
    "database.vacuum": r"unindexed: dead is 0\.[2-9]",
    "database.bloat": r"unindexed: waste is 0\.[3-9]",
}
BY_A_TRUNCATED_DUMP = {
    "maintenance.weekly-backup-integrity": r"database: succeeded is false.*(damaged|checksum)",
    "backup.integrity-count": r"datasets is not set|tables_that_differ is not set",
}
ELSEWHERE = {
    "database.connectivity": r"share is 0\.[89]",
    "cache.hit-rate": r"value is 0\.|is 0\.\d+, expected at least",
}


def named(wanted: dict[str, str]) -> dict[str, str]:
    return {f"{SLUG}.{name}": said for name, said in wanted.items()}


BROKEN = named(
    {promise: says for promise, _, _, says in IN_THE_DATABASE}
    | BY_ONE_TABLE
    | BY_A_TRUNCATED_DUMP
    | ELSEWHERE
)


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with (
        tempfile.TemporaryDirectory() as directory,
        opened(Path(directory), disruptive=False) as session,
        # No backup and no restore test but those of this test.
        paused(session, SPACE, *CRONJOBS),
    ):
        yield session


@pytest.fixture(scope="module")
def healthy(session: Session) -> dict[str, Verdict]:
    return settled(session, SLUG, {})


@pytest.fixture(scope="module")
def broken(session: Session, healthy: dict[str, Verdict]) -> Iterator[dict[str, Verdict]]:
    with contextlib.ExitStack() as undoing:
        # The platform takes its own alert for an outage.
        undoing.callback(psql, session, "DELETE FROM incidents WHERE alert = 'BackupVerificationFailed'")
        restore_test_of_a_truncated_dump(session, undoing)
        break_the_database(session, undoing)
        make_an_unindexed_table(session, undoing)
        take_connections(session, undoing)
        ask_the_cache_in_vain(session, undoing)
        yield settled(session, SLUG, BROKEN)


def test_a_healthy_platform_keeps_every_promise(healthy: dict[str, Verdict]) -> None:
    assert not_met(healthy) == {}


@pytest.mark.parametrize("promise", BROKEN)
def test_a_breakage_is_told_by_its_promise(broken: dict[str, Verdict], promise: str) -> None:
    assert broken[promise].outcome is Outcome.MISSED, broken[promise].reason
    assert re.search(BROKEN[promise], broken[promise].reason), broken[promise].reason


def test_no_other_promise_suffers_from_the_breakages(broken: dict[str, Verdict]) -> None:
    assert {name: reason for name, reason in not_met(broken).items() if name not in BROKEN} == {}
