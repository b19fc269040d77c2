"""A crowd that comes all at once: it is planned beforehand, so the drill waits for it, and for its end."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rundrill import child, hops
from rundrill.crowd import Crowd, instant
from rundrill.errors import NoEvidence
from rundrill.faults.begin import began
from rundrill.session import Session
from rundrill.waiting import until

STRETCH_S = 5.0
TIMES = 3.0
"""From so many times the first rate on it is a rush."""
COMES_WITHIN = timedelta(minutes=4)
SENT = 0.9


def come() -> str:
    """What showed that the rush is there: how many arrivals were sent in its first seconds, of how many planned."""
    crowd = child.crowd().read()
    start = _first(crowd)
    with child.injecting("rush", {}):
        if not until(lambda: datetime.now(UTC) >= instant(start), COMES_WITHIN):
            raise NoEvidence(f"the crowd's rush is only planned for {instant(start):%H:%M:%S}")
        began(f"the crowd's rush, planned for {instant(start):%H:%M:%S}", "crowd", procedure=False)
    wanted = crowd.planned(start, start + STRETCH_S)
    sent = until(lambda: _sent(start, SENT * wanted), COMES_WITHIN)
    if not sent:
        raise NoEvidence(
            f"of {wanted} arrivals that were planned for the rush's first seconds, few were sent"
        )
    says = f"{sent} of {wanted} arrivals of the first {STRETCH_S:.0f} s were sent"
    hops.note(child.directory(), "fault_proven", datetime.now(UTC), "crowd", says)
    return says


def go() -> str:
    """When the rush was over, by the crowd's own plan."""
    crowd = child.crowd().read()
    end = _last(crowd)
    if not until(lambda: datetime.now(UTC) >= instant(end), COMES_WITHIN):
        raise NoEvidence(f"the crowd's rush only ends at {instant(end):%H:%M:%S}")
    return f"over since {instant(end):%H:%M:%S}"


def undo(session: Session, undo: Mapping[str, Any]) -> str:
    """That there is nothing to take back: a crowd ends with its own plan, or with whoever began it."""
    return "the crowd goes by itself"


def _first(crowd: Crowd) -> float:
    """When the plan becomes a rush; NoEvidence where it never does."""
    usual = crowd.planned(crowd.plan[0], crowd.plan[0] + STRETCH_S) if crowd.plan else 0
    found = (at for at in crowd.plan if crowd.planned(at, at + STRETCH_S) >= TIMES * usual > 0)
    start = next(found, None)
    if start is None:
        raise NoEvidence("the crowd's plan has no rush")
    if start < datetime.now(UTC).timestamp():
        raise NoEvidence(f"the crowd's rush came at {instant(start):%H:%M:%S}, before the gate was met")
    return start


def _last(crowd: Crowd) -> float:
    usual = crowd.planned(crowd.plan[0], crowd.plan[0] + STRETCH_S)
    return max(at for at in crowd.plan if crowd.planned(at - STRETCH_S, at) >= TIMES * usual)


def _sent(start: float, enough: float) -> int | None:
    """How many arrivals of the rush's first seconds were sent, once they are enough."""
    seen = child.crowd().read().between(start, start + STRETCH_S)
    count = sum(arrival.sent for arrival in seen)
    return count if count >= enough else None
