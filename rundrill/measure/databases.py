"""PostgreSQL settings and queries, and Redis commands; all of them only read."""

import time
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from rundrill.asking import HIDDEN, StateAnswer, answered, sounds_secret
from rundrill.errors import NoEvidence
from rundrill.evidence import Reading, StateSeen, Value
from rundrill.gateway.postgres import DatabaseError
from rundrill.gateway.redis import Redis
from rundrill.probe import RedisProbe, SettingProbe, SqlProbe
from rundrill.session import Session

type Row = Mapping[str, Any]

_READING = frozenset(
    [
        "INFO",
        "CONFIG GET",
        "PING",
        "DBSIZE",
        "LASTSAVE",
        "ROLE",
        "MEMORY STATS",
        "SLOWLOG LEN",
        "TTL",
        "EXISTS",
        "TYPE",
        "GET",
        "HGET",
        "HLEN",
        "LLEN",
        "SCARD",
        "STRLEN",
        "XLEN",
        "ZCARD",
    ]
)
_SETTINGS = """
    SELECT name, current_setting(name, true) AS value, pending_restart, source,
           EXISTS (SELECT FROM pg_db_role_setting, unnest(setconfig) AS said WHERE split_part(said, '=', 1) = name) AS overridden
    FROM pg_settings
"""


def see_setting(probe: SettingProbe, session: Session, slug: str) -> StateAnswer:
    """The setting as a session that sets nothing itself has it."""
    key = ("settings", slug, probe.server)
    settings = session.cached(key, lambda: _settings(session, slug, probe.server))
    row = settings.get(probe.setting)
    if row is None:
        raise NoEvidence(f"PostgreSQL shows its reader no setting {probe.setting!r}")
    facts = {name: row[name] for name in ("value", "pending_restart", "source", "overridden")}
    return StateSeen((Reading(probe.setting, facts),)), (
        answered("postgres", f"SHOW {probe.setting}", dict(row)),
    )


def _settings(session: Session, slug: str, server: str) -> dict[str, Row]:
    database = session.postgres(slug, server)
    try:
        # A connection of its own: the one that is kept has set its time-out and is read-only.
        with database.connect(bare=True) as connection:
            rows = connection.execute(_SETTINGS).fetchall()
    except DatabaseError as error:
        raise NoEvidence(f"PostgreSQL does not show its settings: {' '.join(str(error).split())}") from None
    return {row["name"]: row for row in rows}


def see_sql(probe: SqlProbe, session: Session, slug: str) -> StateAnswer:
    """A reading of each row."""
    database = session.postgres(slug, probe.server)
    answer, seconds = database.timed(probe.query)
    took = round(seconds, 4)
    rows = [{name: _plain(value) for name, value in row.items()} for row in answer]
    readings = (
        Reading(_subject(row, number), {"took": took, **row}) for number, row in enumerate(rows, start=1)
    )
    return StateSeen(tuple(readings)), (answered("postgres", probe.query, rows),)


def _subject(row: Mapping[str, Value], number: int) -> str:
    first = next(iter(row.values()), None)
    return first if isinstance(first, str) else f"row {number}"


def _plain(value: Any) -> Value:
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.isoformat() if isinstance(value, datetime | date) else str(value)


def see_redis(probe: RedisProbe, session: Session, slug: str) -> StateAnswer:
    """The answer to one command, or what the keys of a pattern come to; NoEvidence where the command could change something."""
    if probe.keys is not None:
        return _keys(probe.keys, session.redis(slug))
    assert probe.command is not None
    words = probe.command.split()
    name = " ".join(words[:2]).upper() if " ".join(words[:2]).upper() in _READING else words[0].upper()
    if name not in _READING:
        raise NoEvidence(
            f"{probe.command!r} is not a command that only reads (try INFO, CONFIG GET, PING, DBSIZE)"
        )
    command = [name, *words[len(name.split()) :]]
    server = session.redis(slug)
    if name == "PING":
        # The way to the server, opened once, is no part of the time that it takes to answer.
        server.ask("PING")
    started = time.perf_counter()
    answer = server.ask(*command)
    if name in ("GET", "HGET") and answer is not None and any(map(sounds_secret, command[1:])):
        answer = HIDDEN
    facts = {**_redis_facts(answer), "took": round(time.perf_counter() - started, 4)}
    return StateSeen((Reading("redis", facts),)), (answered("redis", " ".join(command), facts),)


def _keys(pattern: str, server: Redis) -> StateAnswer:
    left = server.seconds_left(pattern)
    expiring = [seconds for seconds in left.values() if seconds >= 0]
    facts: dict[str, Value] = {"keys": len(left), "without_expiry": len(left) - len(expiring)}
    if expiring:
        facts |= {"shortest": min(expiring), "longest": max(expiring)}
    return StateSeen((Reading(pattern, facts),)), (answered("redis", f"SCAN {pattern}, TTL of each", facts),)


def _redis_facts(answer: Any) -> dict[str, Value]:
    if isinstance(answer, Mapping):
        return {
            str(key): HIDDEN if _secret(key) and value else _plain(value) for key, value in answer.items()
        }
    # redis-py makes True out of PONG.
    return {"reply": "PONG" if answer is True else _plain(answer)}


def _secret(key: object) -> bool:
    return str(key) in ("requirepass", "masterauth", "tls-key-file-pass", "tls-client-key-file-pass")
