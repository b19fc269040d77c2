"""readiness-restore-test: the newest backups restored where nothing can be hurt, and held against what they were made of."""

from __future__ import annotations

import logging
import os
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

from services.readiness.backup_shelf import Unfit, newest_archive, newest_dump
from services.readiness.database_backup import LATEST
from services.readiness.restored import compare_files, compare_tables, load, refuse_production, unpack
from services.readiness.surroundings import Surroundings
from services.settings import Settings

log = logging.getLogger("services.readiness.restore_test")

_FIRST_BACKUPS_SECONDS = 60
SCRATCH = "ai_data_readiness_test"
_RECORD = """
    INSERT INTO restore_tests (kind, backup, succeeded, reason, wanted, found, differing, wanted_bytes, found_bytes,
                               datasets, datasets_wanted, data_from, started_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


@dataclass
class Outcome:
    """What one test found, as far as it came."""

    kind: str
    started: datetime
    backup: str | None = None
    reason: str = "as it was"
    succeeded: bool = False
    wanted: int | None = None
    found: int | None = None
    differing: int | None = None
    wanted_bytes: int | None = None
    found_bytes: int | None = None
    datasets: int | None = None
    datasets_wanted: int | None = None
    data_from: datetime | None = None


def test_database(surroundings: Surroundings, scratch: str) -> Outcome:
    """The newest dump in the scratch database, table by table; the database is gone afterwards whatever happened."""
    outcome = Outcome("database", datetime.now(UTC))
    try:
        refuse_production(scratch, surroundings.database)
        with psycopg.connect(scratch, autocommit=True) as server:
            # One that a killed run left behind must not be taken for this one's work.
            server.execute(f"DROP DATABASE IF EXISTS {SCRATCH} WITH (FORCE)")
            dump = newest_dump(surroundings.backups, datetime.now(UTC))
            outcome.backup, outcome.data_from = dump.path.name, dump.data_from
            server.execute(f"CREATE DATABASE {SCRATCH}")
            try:
                load(dump.path, scratch, SCRATCH)
                _judge_tables(outcome, dump.tables, scratch)
            finally:
                server.execute(f"DROP DATABASE IF EXISTS {SCRATCH} WITH (FORCE)")
    except (Unfit, psycopg.Error, OSError) as error:
        outcome.reason = " ".join(str(error).split())
    return outcome


def _judge_tables(outcome: Outcome, wanted: dict[str, tuple[int, str]], scratch: str) -> None:
    found = compare_tables(scratch, SCRATCH)
    different = sorted(name for name in wanted if found.get(name) != wanted[name])
    outcome.wanted, outcome.found, outcome.differing = len(wanted), len(found), len(different)
    outcome.datasets_wanted = wanted.get("public.datasets", (0, ""))[0]
    outcome.datasets = found.get("public.datasets", (0, ""))[0]
    if not outcome.datasets:
        raise Unfit("the restored datasets have no row")
    if different or set(found) - set(wanted):
        raise Unfit(f"content differs: {', '.join(different or sorted(set(found) - set(wanted)))}")
    outcome.succeeded = True


def test_files(surroundings: Surroundings, folder: Path) -> Outcome:
    """The newest archive unpacked into this folder, file by file, and each dataset's reference followed."""
    outcome = Outcome("files", datetime.now(UTC))
    try:
        made = newest_archive(surroundings.file_backups, datetime.now(UTC))
        outcome.backup, outcome.data_from = made.path.name, made.started
        outcome.wanted, outcome.wanted_bytes = len(made.sums), made.size
        unpack(made.path, folder)
        found = compare_files(folder)
        outcome.found, outcome.found_bytes = len(found), sum(size for _, size in found.values())
        different = sorted(name for name in made.sums if found.get(name, ("", 0))[0] != made.sums[name])
        dangling = _dangling(surroundings, made.started, made.sums)
        outcome.differing = len(different) + len(dangling)
        if different or len(found) != len(made.sums):
            raise Unfit(f"{len(different)} files differ, first {different[:1]}")
        if dangling:
            raise Unfit(
                f"{len(dangling)} datasets refer to files that the archive lacks, first {dangling[0]}"
            )
        outcome.succeeded = True
    except (Unfit, psycopg.Error, OSError) as error:
        outcome.reason = " ".join(str(error).split())
    return outcome


def _dangling(surroundings: Surroundings, started: datetime, sums: dict[str, str]) -> list[str]:
    with psycopg.connect(surroundings.database) as production:
        rows = production.execute(
            "SELECT location, sha256 FROM datasets WHERE created_at < %s", (started,)
        ).fetchall()
    return [location for location, sha256 in rows if sums.get(location) != sha256]


def record(surroundings: Surroundings, outcome: Outcome) -> None:
    """The outcome in table restore_tests."""
    o = outcome
    values = (
        o.kind,
        o.backup,
        o.succeeded,
        o.reason,
        o.wanted,
        o.found,
        o.differing,
        o.wanted_bytes,
        o.found_bytes,
    )
    more = (o.datasets, o.datasets_wanted, o.data_from, o.started)
    with psycopg.connect(surroundings.database, autocommit=True, row_factory=dict_row) as production:
        production.execute(_RECORD, (*values, *more))


def await_first(surroundings: Surroundings) -> None:
    """Give the backups that started in this very minute the time to finish; what is missing then is missing."""
    deadline = time.monotonic() + _FIRST_BACKUPS_SECONDS
    while time.monotonic() < deadline:
        if (surroundings.backups / LATEST).exists() and any(surroundings.file_backups.glob("files_*.json")):
            return
        time.sleep(1)


def run(_: Settings) -> None:
    """Both tests; the process fails where one of them does."""
    surroundings = Surroundings.from_environment()
    await_first(surroundings)
    outcomes = [
        test_database(surroundings, os.environ["SCRATCH_URL"]),
        test_files(surroundings, Path(os.environ.get("SCRATCH_DIR", "/scratch"))),
    ]
    for outcome in outcomes:
        record(surroundings, outcome)
        level = logging.INFO if outcome.succeeded else logging.ERROR
        log.log(level, "%s %s: %s", outcome.kind, outcome.backup, outcome.reason)
    if not all(outcome.succeeded for outcome in outcomes):
        sys.exit(1)
