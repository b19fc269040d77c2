"""Where the stations of a drill lie on its axis of time, in percent of the width; the template draws them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rundrill.judge.words import time_text
from rundrill.report.stations import Passed, passed

type Json = dict[str, Any]

_STEPS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
_FAR = 1.6
"""A promised limit further out than so many times the last hop would squeeze the rest, so it is only told."""


@dataclass(frozen=True)
class Station:
    """One hop, or several alike: its words, and the stretch from the hop before it."""

    name: str
    after: str
    start: float
    end: float
    role: str
    """fault, alert, page, undo, recovery or resolved: what it is drawn as."""
    late: bool


@dataclass(frozen=True)
class Mark:
    """A time on the axis with its words."""

    at: float
    text: str


@dataclass(frozen=True)
class Timeline:
    """A drill's hops in the order of their times, the promised limits, and while the fault was in place."""

    stations: tuple[Station, ...]
    limits: tuple[Mark, ...]
    far_limits: tuple[str, ...]
    ticks: tuple[Mark, ...]
    fault: tuple[float, float] | None


_LIMITS = {
    "notified_promised_s": "promised: paged within",
    "within_promised_s": "promised: users well within",
}


def timeline(measured: Json) -> Timeline | None:
    """The timeline of one verdict's figures, None where no hop was timed."""
    hops = passed(measured.get("hops", ()))
    if not hops:
        return None
    last = hops[-1].last_s
    promised = {name: measured[name] for name in _LIMITS if measured.get(name)}
    near = {name: limit for name, limit in promised.items() if limit <= max(last, 1) * _FAR}
    scale = _Scale(min(0.0, hops[0].first_s), max([last, 1.0, *near.values()]))
    undone = next((hop.first_s for hop in hops if hop.name == "undone"), None)
    return Timeline(
        stations=_stations(hops, scale, measured.get("notified_promised_s")),
        limits=tuple(
            Mark(scale.percent(limit), f"{_LIMITS[name]} {time_text(limit)}") for name, limit in near.items()
        ),
        far_limits=tuple(
            f"{_LIMITS[name]} {time_text(limit)}" for name, limit in promised.items() if name not in near
        ),
        ticks=scale.ticks(),
        fault=(scale.percent(0), scale.percent(undone)) if undone is not None else None,
    )


@dataclass(frozen=True)
class _Scale:
    """Seconds to percent, with a little room at both ends."""

    first: float
    last: float

    def percent(self, seconds: float) -> float:
        return round(2 + 94 * (seconds - self.first) / (self.last - self.first), 2)

    def ticks(self) -> tuple[Mark, ...]:
        step = next((step for step in _STEPS if (self.last - self.first) / step <= 5), 86400)
        start = int(self.first // step) * step
        times = [start + step * count for count in range(8)]
        return tuple(
            Mark(self.percent(time), time_text(time)) for time in times if self.first <= time <= self.last
        )


def _stations(hops: Iterable[Passed], scale: _Scale, page_limit: float | None) -> tuple[Station, ...]:
    found = []
    before = 0.0
    for hop in hops:
        role = _role(hop.name)
        late = role == "page" and page_limit is not None and hop.last_s > page_limit
        found.append(
            Station(hop.words, hop.when, scale.percent(before), scale.percent(hop.last_s), role, late)
        )
        before = hop.last_s
    return tuple(found)


def _role(name: str) -> str:
    station = name.partition(":")[0]
    roles = {
        "fault_proven": "fault",
        "witness": "page",
        "undone": "undo",
        "resolved": "resolved",
        "inactive": "resolved",
    }
    return "recovery" if station.startswith("recovered") else roles.get(station, "alert")
