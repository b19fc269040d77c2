"""A Redis server is filled up, or forgets what it holds."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence, UndoError
from rundrill.session import Session


def preview(session: Session, runbook: str) -> guard.Preview:
    """The server, with as many keys as it holds."""
    keys = int(session.redis(runbook).ask("DBSIZE"))
    return guard.Preview("redis", None, f"Redis of {runbook}, {keys} keys", ("redis",), 1)


def limit_memory(maxmemory: str, configuration: Mapping[str, Any], policy: str = "noeviction") -> str:
    """What the server says of its new bound; writes beyond it are refused."""
    session, runbook = child.session(), str(configuration["runbook"])
    guard.allow_database(session, runbook, preview(session, runbook))
    before = {name: str(_setting(session, runbook, name)) for name in ("maxmemory", "maxmemory-policy")}
    with child.injecting("cache", {"runbook": runbook, "settings": before}):
        hops.note(
            child.directory(), "injected", datetime.now(UTC), "redis", f"maxmemory {maxmemory}, {policy}"
        )
        session.redis(runbook).ask("CONFIG", "SET", "maxmemory", maxmemory, "maxmemory-policy", policy)
    now = str(_setting(session, runbook, "maxmemory"))
    proof = _refused(session, runbook) if policy == "noeviction" else None
    if proof:
        hops.note(child.directory(), "fault_proven", datetime.now(UTC), "redis", proof)
    return (
        f"maxmemory is {now}, before it was {before['maxmemory']}; {proof or 'for the experiment to prove'}"
    )


def flush(configuration: Mapping[str, Any]) -> str:
    """How many keys are left. What a cache forgot its users bring back; nothing here could."""
    session, runbook = child.session(), str(configuration["runbook"])
    guard.allow_database(session, runbook, preview(session, runbook))
    if not configuration.get("may_lose_the_cache"):
        raise UndoError("flushing loses every key for good: the experiment must say may_lose_the_cache: true")
    before = int(session.redis(runbook).ask("DBSIZE"))
    with child.injecting("cache", {"runbook": runbook, "settings": {}}):
        hops.note(child.directory(), "injected", datetime.now(UTC), "redis", "FLUSHALL")
        session.redis(runbook).ask("FLUSHALL")
    left = int(session.redis(runbook).ask("DBSIZE"))
    if left < before:
        proof = f"Redis of {runbook} holds {left} keys, before the flush {before}"
        hops.note(child.directory(), "fault_proven", datetime.now(UTC), "redis", proof)
    return f"{left} keys are left of {before}"


def _refused(session: Session, runbook: str) -> str | None:
    """What the server says to a write of ours, where it takes none any more; None where it still does."""
    try:
        session.redis(runbook).ask("SET", "rundrill:proof", "", "EX", "1")
    except NoEvidence as error:
        return f"a write is refused: {str(error)[-120:]}" if "maxmemory" in str(error) else None
    return None


def undo(session: Session, undo: Mapping[str, Any]) -> str:
    """What shows that every setting is as it was."""
    runbook = str(undo["runbook"])
    for name, value in undo["settings"].items():
        session.redis(runbook).ask("CONFIG", "SET", str(name), str(value))
        if str(_setting(session, runbook, str(name))) != str(value):
            raise UndoError(f"Redis of {runbook} does not take {name} {value} again")
    said = ", ".join(f"{name} {value}" for name, value in undo["settings"].items())
    return f"Redis of {runbook}: {said or 'answers'}, {session.redis(runbook).ask('DBSIZE')} keys"


def _setting(session: Session, runbook: str, name: str) -> object:
    found: Any = session.redis(runbook).ask("CONFIG", "GET", name)
    return dict(found).get(name)
