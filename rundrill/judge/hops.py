"""The stations of an alert on its way: when each was reached, and where the time went."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from rundrill.evidence import DrillSeen, Hop, RouteSeen, RuleSeen
from rundrill.judge.words import seconds, time_text
from rundrill.profile import Profile
from rundrill.units import duration

WORDS = {
    "fault_proven": "fault proven",
    "lapsed": "fault over",
    "first_bad_sample": "first bad sample",
    "alertmanager": "Alertmanager",
    "recovered_users": "users recovered",
    "recovered_kubernetes": "Kubernetes recovered",
}

_DONE = {"then": "done", "not-then": "not done"}


def hop_words(name: str) -> str:
    """A hop's name for a person: `witness:pager` reads `reached pager`, the second `then:` of a promise `done (2)`."""
    station, _, channel = name.partition(":")
    if station in _DONE:
        number = int(channel.rpartition(":")[2]) + 1
        return _DONE[station] if number == 1 else f"{_DONE[station]} ({number})"
    stations = {"witness": "reached", "resolved": "resolved at"}
    return f"{stations[station]} {channel}" if channel and station in stations else WORDS.get(name, name)


_RANGE = re.compile(r"\[((?:\d+(?:ms|[smhdw]))+)\]")
OVERRUN = timedelta(seconds=1)
"""A hop is timed no finer than this."""


@dataclass(frozen=True)
class Way:
    """A drill's hops, asked by name."""

    hops: tuple[Hop, ...]

    def at(self, name: str) -> datetime | None:
        """When that hop was first reached."""
        first = self._first(name)
        return first.at if first else None

    def says(self, name: str) -> str | None:
        """What was seen when that hop was first reached; None where it was not."""
        first = self._first(name)
        return first.says if first else None

    def _first(self, name: str) -> Hop | None:
        return min((hop for hop in self.hops if hop.name == name), key=lambda hop: hop.at, default=None)

    def after(self, name: str, origin: str = "fault_proven") -> timedelta | None:
        """How long after the origin; None where either was not seen."""
        start, end = self.at(origin), self.at(name)
        return end - start if start is not None and end is not None else None

    def channels(self, station: str) -> tuple[str, ...]:
        """The channels of `witness` or `resolved` hops."""
        prefix = station + ":"
        return tuple(
            dict.fromkeys(hop.name.removeprefix(prefix) for hop in self.hops if hop.name.startswith(prefix))
        )

    def figures(self, origin: str = "fault_proven") -> list[dict[str, object]]:
        """The hops in the order of their times, as JSON."""
        start = self.at(origin)
        return [
            {
                "name": hop.name,
                "at": hop.at.isoformat(),
                "after_s": seconds(hop.at - start) if start else None,
                "source": hop.source,
            }
            for hop in sorted(self.hops, key=lambda hop: hop.at)
        ]


def way_of(seen: DrillSeen) -> Way:
    """The way of a drill's alert."""
    return Way(seen.hops)


@dataclass(frozen=True)
class Leg:
    """One stretch of the way: how long it took, how long the settings allow, and which settings those are."""

    start: str
    end: str
    took: timedelta
    allowed: timedelta
    because: str


def legs(way: Way, channel: str, rule: RuleSeen, route: RouteSeen, profile: Profile) -> tuple[Leg, ...]:
    """The stretches whose both ends were seen, with what the loaded rule and route allow for each.

    A sample is at most one scrape late, and a time-out of the same length where nothing answers; a rule sees it once its range
    is full of it and it is evaluated, waits its `for`, and is sent at the evaluation after; a new group waits `group_wait`.
    """
    looks_back = longest_range(rule.expr)
    range_text = f"range {time_text(looks_back)} + " if looks_back else ""
    scrape, tick = profile.pace(profile.scrape_interval), max(rule.interval, timedelta(seconds=1))
    plan = (
        ("fault_proven", "first_bad_sample", 2 * scrape, f"scrape {time_text(scrape)} and its time-out"),
        ("first_bad_sample", "pending", looks_back + tick, f"{range_text}evaluation {time_text(tick)}"),
        ("pending", "firing", rule.for_ + tick, f"for {time_text(rule.for_)} + evaluation {time_text(tick)}"),
        ("firing", "alertmanager", tick, f"evaluation {time_text(tick)}"),
        ("alertmanager", f"witness:{channel}", route.group_wait, f"group_wait {time_text(route.group_wait)}"),
    )
    found = []
    for start, end, allowed, because in plan:
        took = way.after(end, start)
        if took is not None:
            found.append(Leg(start, end, took, allowed, because))
    return tuple(found)


def longest_range(expression: str) -> timedelta:
    """The longest `[5m]` of an expression, zero where there is none; read for words only, never for a verdict."""
    return max((duration(text) for text in _RANGE.findall(expression)), default=timedelta(0))


def blame(stretches: tuple[Leg, ...], promised: timedelta) -> str:
    """Where the time went: the stretch that overran its settings most, or the settings themselves when none did."""
    worst = max(stretches, key=lambda leg: leg.took - leg.allowed, default=None)
    if worst is None:
        return "nobody saw where the time went"
    allowed = sum((leg.allowed for leg in stretches), timedelta(0))
    if worst.took - worst.allowed <= OVERRUN and allowed > promised:
        parts = " + ".join(leg.because for leg in stretches)
        return f"late by design: the loaded settings allow {time_text(allowed)} ({parts})"
    return (
        f"late between {hop_words(worst.start)} and {hop_words(worst.end)}:"
        f" took {time_text(worst.took)}, the settings allow {time_text(worst.allowed)} ({worst.because})"
    )
