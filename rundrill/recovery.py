"""When do the users have their service back? Pure arithmetic on a crowd's arrivals."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rundrill.crowd import Arrival, Crowd, instant

LEAST_SENT = 0.9
"""A stretch in which less of the plan than this was sent says nothing about the users."""


@dataclass(frozen=True)
class Held:
    """An objective that held over a stretch: from when, by how many arrivals."""

    since: datetime
    until: datetime
    good: int
    total: int
    """Of its plan: one that was never sent is not good."""

    @property
    def says(self) -> str:
        """How many were good, in words."""
        return f"{self.good} of {self.total} planned arrivals were good until {self.until:%H:%M:%S}"


def held(
    crowd: Crowd, since: datetime, for_: timedelta, target: float, within: timedelta | None = None
) -> Held | None:
    """The first stretch of that length, not before `since`, in which the share of good arrivals meets the target.

    None while there is none yet. A stretch counts only when every arrival of its plan is written, at least nine of
    ten were sent, and it begins with a good one: that one's planned time is the moment of recovery.
    """
    seen = sorted((a for a in crowd.arrivals if a.planned >= since.timestamp()), key=lambda a: a.planned)
    length = for_.total_seconds()
    sent, good = _running(seen, within)
    end = 0
    for start, arrival in enumerate(seen):
        until = arrival.planned + length
        while end < len(seen) and seen[end].planned < until:
            end += 1
        planned = crowd.planned(arrival.planned, until)
        if not arrival.good(within) or good[end] - good[start] < target * (sent[end] - sent[start]):
            continue
        if end - start < planned and crowd.ended is None:
            return None
        if crowd.plan[-1] >= until and sent[end] - sent[start] >= LEAST_SENT * planned:
            return Held(instant(arrival.planned), instant(until), good[end] - good[start], end - start)
    return None


def _running(seen: list[Arrival], within: timedelta | None) -> tuple[list[int], list[int]]:
    sent, good = [0], [0]
    for arrival in seen:
        sent.append(sent[-1] + arrival.sent)
        good.append(good[-1] + arrival.good(within))
    return sent, good
