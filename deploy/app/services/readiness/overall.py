"""How the platform does as a whole: one finding for each of its parts."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from dataclasses import dataclass

import psycopg
from psycopg_pool import PoolTimeout

from services.readiness.reads import Databases
from services.store import Database

_TIMEOUT_SECONDS = 3.0
_PRIMARY = """
    SELECT (SELECT count(*) FROM processing_jobs WHERE status = 'running' AND created_at < now() - limit_seconds * interval '1 second') AS overdue,
           (SELECT extract(epoch FROM now() - succeeded_at) FROM recorders WHERE name = 'workers') AS workers_age,
           (SELECT bool_and(succeeded) FROM (SELECT DISTINCT ON (kind) succeeded FROM restore_tests ORDER BY kind, finished_at DESC) t) AS restores
"""
_LAG = """
    SELECT CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
                ELSE extract(epoch FROM now() - pg_last_xact_replay_timestamp()) END AS lag,
           EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming') AS streaming
"""
_DAYS = "SELECT count(*) AS days FROM health_checks WHERE day > (now() - interval '7 days')::date AND day <= now()::date"


@dataclass(frozen=True)
class Finding:
    """One part of the platform, whether it is well, and what was seen."""

    part: str
    well: bool
    seen: str


async def findings(databases: Databases, gateway: str) -> list[Finding]:
    """What was found at each part; a part that does not answer is not well."""
    looked = await asyncio.gather(
        _application(gateway), _primary(databases.primary), _replica(databases.replica)
    )
    return [finding for part in looked for finding in part]


async def days_recorded(database: Database) -> int:
    """How many of the last seven days, today among them, have a check on record."""
    return int(str((await database.rows(_DAYS))[0]["days"]))


async def _application(gateway: str) -> list[Finding]:
    status, _ = await asyncio.to_thread(fetch, f"{gateway}/health")
    return [Finding("application", status == 200, f"answers {status or 'nothing'}")]


async def _primary(database: Database) -> list[Finding]:
    try:
        row = (await database.rows(_PRIMARY))[0]
    except (psycopg.Error, PoolTimeout) as error:
        return [Finding("database", False, type(error).__name__)]
    age, restores = row["workers_age"], row["restores"]
    return [
        Finding("database", True, "answers"),
        Finding("jobs", row["overdue"] == 0, f"{row['overdue']} run longer than they may"),
        Finding("workers", age is not None and float(str(age)) < 30, f"last sign of life {age} s ago"),
        Finding("backups", restores is not False, f"newest restore tests succeeded: {restores}"),
    ]


async def _replica(database: Database) -> list[Finding]:
    try:
        row = (await database.rows(_LAG))[0]
    except (psycopg.Error, PoolTimeout) as error:
        return [Finding("replica", False, type(error).__name__)]
    lag = float(str(row["lag"] or 0))
    return [
        Finding(
            "replica",
            bool(row["streaming"]) and lag < 10,
            f"streaming: {row['streaming']}, {lag:.1f} s behind",
        )
    ]


def fetch(url: str) -> tuple[int, object]:
    """The status and the JSON body of one GET; status 0 where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as refused:
        return refused.code, None
    except (OSError, ValueError):
        return 0, None
