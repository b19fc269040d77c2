"""How long a drill took from one of its stations to another, where a clause gives a number for it."""

from rundrill import child, hops
from rundrill.errors import NoEvidence
from rundrill.units import duration


def took_at_most(limit: str, start: str = "injected", end: str = "fault_proven") -> str:
    """How long it took between the first time at each; NoEvidence where it was longer, or one was never reached."""
    drill = child.directory()
    first, last = hops.reached(drill, start), hops.reached(drill, end)
    if first is None or last is None:
        raise NoEvidence(f"the drill never reached {start if first is None else end!r}")
    took = last[0].at - first[0].at
    if took > duration(limit):
        raise NoEvidence(f"{end} came {took.total_seconds():.1f} s after {start}, promised {limit}")
    return f"{end} came {took.total_seconds():.1f} s after {start}, promised {limit}"
