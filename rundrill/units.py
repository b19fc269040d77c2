"""Numbers with their units, parsed once at the edge: `2m`, `99.9%`, `256Mi`, `10000/1m`."""

import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

_MILLISECONDS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_DURATION = re.compile("".join(rf"(?:(\d+(?:\.\d+)?){unit}(?![a-z]))?" for unit in _MILLISECONDS))
_BYTES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12} | {
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}


def duration(text: object) -> timedelta:
    """The length of time that `1h30m` or `200ms` says, largest unit first; ValueError where it says none."""
    if isinstance(text, timedelta):
        return text
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if not text or not match:
        raise ValueError(f"{_found(text)} is not a duration (try 5m)")
    pairs = zip(match.groups(), _MILLISECONDS.values(), strict=True)
    return timedelta(milliseconds=float(sum(Decimal(number) * size for number, size in pairs if number)))


def duration_text(length: timedelta) -> str:
    """The shortest spelling that Prometheus reads back as the same length, such as `2m` or `1s500ms`."""
    left = round(length.total_seconds() * 1000)
    if left == 0:
        return "0s"
    words = []
    for unit, size in _MILLISECONDS.items():
        count, left = divmod(left, size) if unit != "w" else (0, left)
        words += [f"{count}{unit}"] if count else []
    return "".join(words)


def ratio(text: object) -> float:
    """The share between 0 and 1 that `99.9%` says; ValueError where it says none."""
    if isinstance(text, float) and 0 <= text <= 1:
        raise ValueError(f"{_found(text)} is not a share (try {ratio_text(text)})")
    match = re.fullmatch(r"(\d+(?:\.\d+)?)%", text) if isinstance(text, str) else None
    if not match or Decimal(match[1]) > 100:
        raise ValueError(f"{_found(text)} is not a share (try 99.9%)")
    # Decimal, because 99.9 / 100 is a little more than 0.999 in floating point, and 999 of 1000 would miss it.
    return float(Decimal(match[1]) / 100)


def ratio_text(share: float) -> str:
    """That share as people write it, such as `99.9%`."""
    return f"{Decimal(str(share)) * 100:f}".rstrip("0").rstrip(".") + "%" if share else "0%"


def size(text: object) -> int:
    """The bytes that `256Mi` says; ValueError where it says none."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kMGT]|[KMGT]i)?B?", text) if isinstance(text, str) else None
    if not match or match[0] == match[1]:
        raise ValueError(f"{_found(text)} is not a size (try 256Mi)")
    return int(Decimal(match[1]) * _BYTES[match[2] or ""])


@dataclass(frozen=True)
class Rate:
    """So many events in so long a time."""

    count: float
    per: timedelta

    @property
    def per_second(self) -> float:
        """Events a second."""
        return self.count / self.per.total_seconds()

    def __str__(self) -> str:
        return f"{self.count:g}/{duration_text(self.per)}"


def rate(text: object) -> Rate:
    """The rate that `10000/1m` says; ValueError where it says none."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)/(\d*[a-z]+)", text) if isinstance(text, str) else None
    if not match:
        raise ValueError(f"{_found(text)} is not a rate (try 10000/1m)")
    per = duration(match[2] if match[2][0].isdigit() else f"1{match[2]}")
    if not per:
        raise ValueError(f"{_found(text)} is not a rate (try 10000/1m)")
    return Rate(float(match[1]), per)


def quantity(text: object) -> float:
    """A count as it stands, or what `1s`, `85%` or `256Mi` says in seconds, as a share, in bytes."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        return float(text)
    for meaning in (ratio, size, lambda words: duration(words).total_seconds()):
        try:
            return float(meaning(text))
        except ValueError:
            continue
    raise ValueError(f"{_found(text)} is no quantity (try 3, 1s, 85% or 256Mi)")


def address(text: object) -> str:
    """A server inside a cluster as `namespace/name:port`, with `https:` before it or not; ValueError where it is none."""
    if not isinstance(text, str) or not re.fullmatch(r"(https:)?[a-z0-9-]+/[a-z0-9.-]+:\d{1,5}", text):
        raise ValueError(f"{_found(text)} is no address (try monitoring/prometheus:9090)")
    return text


def pattern(text: object) -> str:
    """A regular expression; ValueError where it is none."""
    if not isinstance(text, str):
        raise ValueError(f"{_found(text)} is no regular expression (put it in quotes)")
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{_found(text)} is no regular expression: {error}") from None
    return text


def _found(text: object) -> str:
    return repr(str(text)) if isinstance(text, int | float) else repr(text)


Duration = Annotated[timedelta, BeforeValidator(duration), PlainSerializer(duration_text)]
Ratio = Annotated[float, BeforeValidator(ratio), PlainSerializer(ratio_text)]
Bytes = Annotated[int, BeforeValidator(size)]
Events = Annotated[Rate, BeforeValidator(rate), PlainSerializer(str)]
Quantity = Annotated[float, BeforeValidator(quantity)]
Address = Annotated[str, BeforeValidator(address)]
Pattern = Annotated[str, BeforeValidator(pattern)]
