"""Lengths of the report's bars, in percent of their track."""

import math
from dataclasses import dataclass
from typing import Any

from rundrill.judge.words import count_text, latency_text, share_text, time_text

type Json = dict[str, Any]

_FASTEST, _SLOWEST = 0.001, 30.0
"""The ends of the latency axis in seconds; it is logarithmic."""


@dataclass(frozen=True)
class Limited:
    """A figure against its promised limit: the limit stands at two thirds of the track unless overrun needs more."""

    filled: float
    limit: float
    over: bool


def against(figure: float, limit: float) -> Limited:
    """The bar of a figure that should stay at or below its limit."""
    whole = max(limit * 1.5, figure * 1.08, 1e-9)
    return Limited(round(max(100 * figure / whole, 0.6), 2), round(100 * limit / whole, 2), figure > limit)


@dataclass(frozen=True)
class Phase:
    """What a crowd saw in one phase, drawn as the share of good answers and the spread of latencies."""

    name: str
    lasted: str
    sent: str
    failed: str
    good: float
    good_text: str
    latency: dict[str, float]
    latency_text: str
    failures: tuple[str, ...]


def phases(measured: Json) -> tuple[Phase, ...]:
    """The phases of a drill's or a capacity run's load."""
    return tuple(_phase(load) for load in measured.get("load", ()))


def _phase(load: Json) -> Phase:
    share = load["good_share"] or 0.0
    latency = {
        name: seconds for name, seconds in load["latency_s"].items() if seconds is not None and seconds > 0
    }
    return Phase(
        name=load["phase"],
        lasted=time_text(load["lasted_s"]),
        sent=f"{count_text(load['sent'])} of {count_text(load['planned'])} sent",
        failed=f"{count_text(load['failed'])} failed",
        good=round(100 * share, 2),
        good_text=share_text(share, 1.0) if load["failed"] else share_text(share),
        latency={name: on_log_axis(seconds) for name, seconds in latency.items()},
        latency_text=" · ".join(f"{name} {latency_text(seconds)}" for name, seconds in latency.items()),
        failures=tuple(f"{count_text(count)} × {why}" for why, count in load["failures"].items()),
    )


def on_log_axis(seconds: float) -> float:
    """Where a latency lies between 1 ms and 30 s, in percent."""
    inside = min(max(seconds, _FASTEST), _SLOWEST)
    return round(100 * math.log(inside / _FASTEST) / math.log(_SLOWEST / _FASTEST), 2)


LATENCY_TICKS = tuple(
    (on_log_axis(seconds), text)
    for seconds, text in ((0.01, "10 ms"), (0.1, "100 ms"), (1, "1 s"), (10, "10 s"))
)


@dataclass(frozen=True)
class Bucket:
    """One bucket of a capacity run: where its column starts, how high it is, whether it is too low."""

    left: float
    width: float
    height: float
    low: bool


@dataclass(frozen=True)
class Buckets:
    """All buckets and where the promised count lies, in percent of the height."""

    columns: tuple[Bucket, ...]
    promised: float
    promised_text: str


def buckets(measured: Json) -> Buckets | None:
    """The good answers of each bucket against the promised rate, None where there was no bucket."""
    counts = measured.get("good_per_bucket") or ()
    if not counts:
        return None
    promised = measured["promised_rate_per_s"] * measured["bucket_s"]
    top = max(*counts, promised) * 1.15
    width = min(100 / len(counts), 8.0)
    columns = tuple(
        Bucket(round(index * width, 3), round(width * 0.86, 3), round(100 * count / top, 2), count < promised)
        for index, count in enumerate(counts)
    )
    text = f"promised {count_text(promised)} in {time_text(measured['bucket_s'])}"
    return Buckets(columns, round(100 * promised / top, 2), text)
