"""Which experiments may run side by side, and how long all of them take; pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from heapq import heapify, heapreplace

AT_ONCE = 3
"""How many experiments run side by side where nobody says otherwise: each has a crowd that wants to be on time."""


@dataclass(frozen=True)
class Piece:
    """One experiment, as far as others beside it care."""

    name: str
    platform: str
    """The slug of its runbook."""
    lasts: timedelta
    alone: bool = False
    """Whether it disturbs more than its own platform."""
    crowd: str | None = None
    touches: frozenset[str] = frozenset()
    """All components that it says it reaches; of one that says nothing, nobody knows."""
    alerts: frozenset[str] = frozenset()
    """Ids of the alerts that it raises or wants quiet."""


@dataclass(frozen=True)
class Schedule:
    """Chains that may run side by side, each one experiment after another; then those that suffer nobody beside them."""

    chains: tuple[tuple[Piece, ...], ...]
    """The longest first."""
    alone: tuple[Piece, ...] = ()

    @property
    def longest(self) -> timedelta:
        """What no number of hands could shorten: the longest chain, and all that must be alone."""
        return max(map(_length, self.chains), default=timedelta(0)) + _length(self.alone)

    def wall(self, at_once: int) -> timedelta:
        """How long it takes where so many chains run at once."""
        busy = [timedelta(0)] * max(1, at_once)
        heapify(busy)
        for chain in self.chains:
            heapreplace(busy, busy[0] + _length(chain))
        return max(busy) + _length(self.alone)


def independent(one: Piece, other: Piece) -> bool:
    """Whether neither could blur what the other shows: on other platforms, or provably apart on one."""
    if one.alone or other.alone:
        return False
    if one.platform != other.platform:
        return True
    # A crowd uses the whole platform: it would feel the other's fault and call it its own.
    if one.crowd or other.crowd or not (one.touches and other.touches):
        return False
    return not (one.touches & other.touches or one.alerts & other.alerts)


def schedule(pieces: Iterable[Piece]) -> Schedule:
    """The chains: whoever is not independent of one of a chain belongs to it. Within a chain the order stays."""
    chains: list[list[tuple[int, Piece]]] = []
    alone: list[Piece] = []
    for number, piece in enumerate(pieces):
        if piece.alone:
            alone.append(piece)
            continue
        bound = [chain for chain in chains if any(not independent(piece, other) for _, other in chain)]
        chains = [chain for chain in chains if chain not in bound]
        chains.append(sorted([*(each for chain in bound for each in chain), (number, piece)], key=_number))
    ordered = [tuple(piece for _, piece in chain) for chain in sorted(chains, key=lambda chain: chain[0][0])]
    return Schedule(tuple(sorted(ordered, key=_length, reverse=True)), tuple(alone))


def _number(each: tuple[int, Piece]) -> int:
    return each[0]


def _length(chain: Iterable[Piece]) -> timedelta:
    return sum((piece.lasts for piece in chain), timedelta(0))
