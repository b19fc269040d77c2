"""Every experiment of a run in one line: what it proved, and how long the platform took to notice and to recover."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

type Json = dict[str, Any]

_RECOVERIES = ("recovered_users", "recovered_kubernetes")


@dataclass(frozen=True)
class Line:
    """One experiment; times in seconds from the proof of its fault, None where that was not seen or not asked."""

    experiment: str
    promises: tuple[str, ...]
    verdicts: tuple[tuple[str, int], ...]
    """Verdict and how many of its promises have it."""
    detected_s: float | None
    paged_s: float | None
    undone_s: float | None
    recovered_s: float | None
    """Users well again; where no users were there, its workload complete or the last thing that must be so."""
    proof: str | None


def experiment_lines(promises: list[Json]) -> list[Line]:
    """The experiments that left hops, in the order of their first promises."""
    resting: dict[str, list[Json]] = {}
    for promise in promises:
        if promise["measured"].get("hops") is not None:
            resting.setdefault(str(promise["measured"]["experiment"]), []).append(promise)
    return [_line(name, mine) for name, mine in resting.items()]


def _line(name: str, promises: list[Json]) -> Line:
    measured = [promise["measured"] for promise in promises]
    return Line(
        experiment=name,
        promises=tuple(promise["id"] for promise in promises),
        verdicts=tuple(Counter(promise["verdict"] for promise in promises).items()),
        detected_s=_last(one.get("detected_after_s") for one in measured),
        paged_s=_last(one.get("notified_after_s") for one in measured),
        undone_s=_last(_hops(measured, ("undone",))),
        recovered_s=_last(one.get("recovered_after_s") for one in measured)
        or _last(_hops(measured, _RECOVERIES))
        or _last(_hops(measured, ("then",))),
        proof=next((one["proof"] for one in measured if one.get("proof")), None),
    )


def _hops(measured: list[Json], names: tuple[str, ...]) -> Iterator[float | None]:
    for one in measured:
        yield from (hop["after_s"] for hop in one["hops"] if hop["name"].partition(":")[0] in names)


def _last(times: Iterator[float | None]) -> float | None:
    return max((time for time in times if time is not None), default=None)
