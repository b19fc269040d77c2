"""Figures as a person reads them: `99.97 %`, `4 min 12 s`, `12,034`; never rounded over the limit they are judged by."""

import math
import re
from datetime import datetime, timedelta

from rundrill.profile import Profile

_GLUE = re.compile(r"(?<=\d) (?=(?:ms|s|min|h|d|%)(?:\W|$))| (?=·)")


def seconds(length: timedelta) -> float:
    """That length in seconds, to the millisecond, ready for JSON."""
    return round(length.total_seconds(), 3)


def time_text(length: timedelta | float, apart_from: timedelta | None = None) -> str:
    """`0.4 s`, `4 min 12 s`, `3 h 5 min`, `4 d 4 h`: the two largest units, or all of it to tell it from a limit."""
    total = length.total_seconds() if isinstance(length, timedelta) else length
    if not math.isfinite(total):
        return (
            "no length of time"
            if math.isnan(total)
            else "endlessly long"
            if total > 0
            else "endlessly long ago"
        )
    if (
        apart_from is not None
        and total != apart_from.total_seconds()
        and time_text(total) == time_text(apart_from)
    ):
        return f"{_trim(f'{total:,.3f}')} s"
    if total < 0:
        return "-" + time_text(-total)
    if total < 60 and round(total, 1) < 60:
        return f"{total * 1000:.0f} ms" if 0 < total < 0.1 else _trim(f"{total:.1f}") + " s"
    whole = round(total)
    for size, unit, small, sub in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size * (2 if unit == "d" else 1):
            rest = whole % size // small
            return f"{whole // size} {unit}" + (f" {rest} {sub}" if rest else "")
    return f"{whole} s"


def latency_text(seconds: float) -> str:
    """`12 ms`, `1.24 s`."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def share_text(share: float, apart_from: float | None = None) -> str:
    """`99.97 %`, with as many digits as it takes to tell it from the limit it is judged by."""
    for digits in range(2, 12):
        text = f"{share * 100:.{digits}f}"
        if apart_from is None or abs(share - apart_from) < 1e-12 or text != f"{apart_from * 100:.{digits}f}":
            break
    return f"{_trim(text)} %"


def count_text(count: float) -> str:
    """`12,034`."""
    return f"{count:,.0f}"


def size_text(count: int) -> str:
    """`1.4 MiB`."""
    size = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{_trim(f'{size:.1f}')} {unit}"
        size /= 1024
    return f"{_trim(f'{size:.1f}')} TiB"


def clock_text(moment: datetime) -> str:
    """`2026-11-21 09:30:12 UTC`."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def paced_text(length: timedelta, profile: Profile) -> str:
    """A promised length, and what this profile makes of it: `12 s (2 min paced)`."""
    paced = profile.pace(length)
    return time_text(length) if paced == length else f"{time_text(paced)} ({time_text(length)} paced)"


def glued(text: str) -> str:
    """The text with no line break between a number and its unit, nor before a dot between figures."""
    return _GLUE.sub("\u00a0", text)


def listed(names: list[str], most: int = 4) -> str:
    """`a, b, c and 3 more`."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _trim(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number else number
