"""Which experiments may run side by side, and how long all of them take; pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from heapq import heappop, heappush
from itertools import count

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
class Chain:
    """Experiments of one platform that come one after another."""

    pieces: tuple[Piece, ...]
    to_itself: bool
    """Whether the platform's other chains wait until it has ended: nobody can tell what else its experiments reach."""

    @property
    def platform(self) -> str:
        """The slug of their runbook."""
        return self.pieces[0].platform

    @property
    def lasts(self) -> timedelta:
        """From its first experiment's begin to the end of its last one."""
        return _length(self.pieces)


@dataclass(frozen=True)
class Schedule:
    """Chains that may run side by side; then those experiments that suffer nobody beside them."""

    chains: tuple[Chain, ...]
    """Platform by platform, what takes longest first; of a platform first the chain that has it to itself."""
    alone: tuple[Piece, ...] = ()

    @property
    def longest(self) -> timedelta:
        """What no number of hands could shorten: the longest way through one platform's chains, and all that must be alone."""
        return max(self._tails.values(), default=timedelta(0)) + _length(self.alone)

    @property
    def order(self) -> tuple[Piece, ...]:
        """Who begins first where hands are few: what has most to come after it (critical path first)."""
        tails = self._tails
        return (*sorted(tails, key=lambda piece: tails[piece], reverse=True), *self.alone)

    def wall(self, at_once: int) -> timedelta:
        """How long it takes where so many experiments run at once."""
        now, waiting, numbers = timedelta(0), list(self.order), count()
        running: list[tuple[timedelta, int, Piece]] = []
        while waiting or running:
            while len(running) < max(1, at_once) and (one := next_of(waiting, [each[2] for each in running])):
                waiting.remove(one)
                heappush(running, (now + one.lasts, next(numbers), one))
            now = heappop(running)[0]
        return now

    @property
    def _tails(self) -> dict[Piece, timedelta]:
        """From the begin of each until all that must come after it has ended."""
        return {
            piece: _length(chain.pieces[at:]) + self._after(chain)
            for chain in self.chains
            for at, piece in enumerate(chain.pieces)
        }

    def _after(self, chain: Chain) -> timedelta:
        """What waits for the end of a chain that has its platform to itself."""
        others = [one.lasts for one in self.chains if one.platform == chain.platform and one != chain]
        return max(others, default=timedelta(0)) if chain.to_itself else timedelta(0)


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
    """The chains of each platform, and what must be alone; within a chain the order stays."""
    given = list(pieces)
    platforms = dict.fromkeys(piece.platform for piece in given if not piece.alone)
    chains = [_chains([one for one in given if one.platform == slug and not one.alone]) for slug in platforms]
    ordered = sorted(chains, key=_way, reverse=True)
    return Schedule(
        tuple(chain for of_one in ordered for chain in of_one), tuple(piece for piece in given if piece.alone)
    )


def next_of(waiting: Iterable[Piece], running: Iterable[Piece]) -> Piece | None:
    """The first that waits and is independent of all that run; None where each would disturb one of them."""
    beside = tuple(running)
    return next((one for one in waiting if all(independent(one, other) for other in beside)), None)


def _chains(pieces: Iterable[Piece]) -> list[Chain]:
    """Of one platform: first whoever could blur anything there, then those that are bound to each other."""
    to_itself = list[Piece]()
    bound = list[list[tuple[int, Piece]]]()
    for each in enumerate(pieces):
        if each[1].crowd or not each[1].touches:
            to_itself.append(each[1])
            continue
        mine = [chain for chain in bound if any(not independent(each[1], other) for _, other in chain)]
        bound = [chain for chain in bound if chain not in mine]
        bound.append(sorted([*(one for chain in mine for one in chain), each], key=lambda one: one[0]))
    others = [Chain(tuple(one for _, one in chain), False) for chain in sorted(bound, key=lambda c: c[0][0])]
    others.sort(key=lambda chain: chain.lasts, reverse=True)
    return [*([Chain(tuple(to_itself), True)] if to_itself else []), *others]


def _way(chains: Iterable[Chain]) -> timedelta:
    """The longest way through the chains of one platform."""
    return Schedule(tuple(chains)).longest


def _length(pieces: Iterable[Piece]) -> timedelta:
    return sum((piece.lasts for piece in pieces), timedelta(0))
