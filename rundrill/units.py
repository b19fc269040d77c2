"""Numbers with their units, parsed once at the edge: `2m`, `99.9%`, `1Gi`, `10000/1m`."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_BYTES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def duration(text: object) -> timedelta:
    """The length of time that `1h30m` or `200ms` says; ValueError where it says none."""
    if isinstance(text, timedelta):
        return text
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|[smhdw])", text) if isinstance(text, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is not a duration (try 5m)")
    return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in parts))


def duration_text(length: timedelta) -> str:
    """The shortest spelling that Prometheus reads back as the same length, such as `2m` or `1500ms`."""
    left = round(length.total_seconds() * 1000)
    if left == 0:
        return "0s"
    words = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, left = divmod(left, size)
        words += [f"{count}{unit}"] if count else []
    return "".join(words)


def ratio(text: object) -> float:
    """The share between 0 and 1 that `99.9%` says; ValueError where it says none."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)%", text) if isinstance(text, str) else None
    if not match or float(match[1]) > 100:
        raise ValueError(f"{text!r} is not a share (try 99.9%)")
    return float(match[1]) / 100


def size(text: object) -> int:
    """The bytes that `256Mi` says; ValueError where it says none."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(k|M|G|Ki|Mi|Gi|Ti)?B?", text) if isinstance(text, str) else None
    if not match:
        raise ValueError(f"{text!r} is not a size (try 256Mi)")
    return int(float(match[1]) * _BYTES[match[2] or ""])


@dataclass(frozen=True)
class Rate:
    """So many events in so long a time."""

    count: float
    per: timedelta

    @property
    def per_second(self) -> float:
        """Events a second."""
        return self.count / self.per.total_seconds()


def rate(text: object) -> Rate:
    """The rate that `10000/1m` says; ValueError where it says none."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)/(\d*[a-z]+)", text) if isinstance(text, str) else None
    if not match:
        raise ValueError(f"{text!r} is not a rate (try 10000/1m)")
    per = match[2] if match[2][0].isdigit() else f"1{match[2]}"
    return Rate(float(match[1]), duration(per))


Duration = Annotated[timedelta, BeforeValidator(duration), PlainSerializer(duration_text)]
Ratio = Annotated[float, BeforeValidator(ratio)]
Bytes = Annotated[int, BeforeValidator(size)]
Events = Annotated[Rate, BeforeValidator(rate)]
