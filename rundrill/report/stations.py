"""The stations of a drill as a reader wants them: several alike after one another are one, with their number."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from rundrill.judge.hops import hop_words
from rundrill.judge.words import time_text

type Json = dict[str, Any]


@dataclass(frozen=True)
class Passed:
    """One station, or several alike in a row."""

    name: str
    words: str
    first_s: float
    last_s: float
    """Seconds after the fault was proven."""

    @property
    def when(self) -> str:
        """The time of one, the first and the last of several."""
        first, last = time_text(self.first_s), time_text(self.last_s)
        return last if first == last else f"{first} to {last}"


def passed(hops: Iterable[Json]) -> tuple[Passed, ...]:
    """A verdict's hops in the order of their times; those without a time are left out."""
    timed = sorted((hop for hop in hops if hop["after_s"] is not None), key=lambda hop: hop["after_s"])
    alike = (list(group) for _, group in groupby(timed, key=lambda hop: hop_words(hop["name"])))
    return tuple(
        Passed(group[0]["name"], _words(group), group[0]["after_s"], group[-1]["after_s"]) for group in alike
    )


def _words(group: list[Json]) -> str:
    words = hop_words(group[0]["name"])
    return words if len(group) == 1 else f"{len(group)} × {words}"
