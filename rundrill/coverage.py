"""How much of what the runbooks say is a promise, and how much of that is measured here; pure."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from rundrill.promise import KINDS, Promise
from rundrill.runbook import Runbook, not_written
from rundrill.saved import Saved

Standing = Literal["met", "missed", "unknown", "unrun", "planned", "lacking", "attested"]
STANDINGS: tuple[Standing, ...] = ("met", "missed", "unknown", "unrun", "planned", "lacking", "attested")
MEASURED: frozenset[Standing] = frozenset({"met", "missed"})
_BY_VERDICT: Mapping[str, Standing] = {
    "MET": "met",
    "MISSED": "missed",
    "WAIVED": "missed",
    "UNKNOWN": "unknown",
}


@dataclass(frozen=True)
class Covered:
    """How one promise stands on a target, and why it is not measured there."""

    promise: Promise
    runbook: str
    standing: Standing
    why: str | None
    saved: Saved | None


@dataclass(frozen=True)
class Tally:
    """Promises by how they stand."""

    name: str
    counts: Mapping[Standing, int]
    clauses: int | None = None
    """How many clauses the runbook has, where it says so."""

    @property
    def promises(self) -> int:
        """All of them."""
        return sum(self.counts.values())

    @property
    def measured(self) -> int:
        """Those that were measured on evidence."""
        return sum(count for standing, count in self.counts.items() if standing in MEASURED)


def coverage(
    runbooks: Iterable[Runbook], capabilities: Collection[str], saved: Mapping[str, Saved]
) -> tuple[Covered, ...]:
    """How each promise stands on a target with those capabilities, by the newest verdicts on record."""
    return tuple(
        covered(promise, runbook, capabilities, saved.get(promise.id))
        for runbook in runbooks
        for promise in runbook.promises
    )


def covered(
    promise: Promise, runbook: Runbook, capabilities: Collection[str], saved: Saved | None
) -> Covered:
    """What keeps a promise from being measured comes first; what was found of it, where nothing does."""
    standing, why = _standing(promise, runbook, capabilities, saved)
    return Covered(promise, runbook.runbook, standing, why, saved)


def _standing(
    promise: Promise, runbook: Runbook, capabilities: Collection[str], saved: Saved | None
) -> tuple[Standing, str | None]:
    if lacking := promise.lacking(capabilities):
        return "lacking", f"needs {', '.join(lacking)}"
    if promise.attestation:
        return "attested", "rests on a signed record"
    # An alert whose rule or route is wrong is MISSED whether somebody could prove it or not.
    if (
        saved
        and saved.verdict in _BY_VERDICT
        and not (runbook.unwritten(promise) and saved.verdict == "UNKNOWN")
    ):
        standing = _BY_VERDICT[saved.verdict]
        return standing, saved.reason if standing != "met" else None
    if unwritten := runbook.unwritten(promise):
        return "planned", not_written(unwritten)
    return "unrun", saved.reason if saved else "no run on record looked at it"


def tally(
    rows: Iterable[Covered], by: Callable[[Covered], str], clauses: Mapping[str, int | None] | None = None
) -> tuple[Tally, ...]:
    """The rows counted by what `by` says of each, in the order of first coming."""
    counts: dict[str, Counter[Standing]] = {}
    for row in rows:
        counts.setdefault(by(row), Counter())[row.standing] += 1
    return tuple(Tally(name, count, (clauses or {}).get(name)) for name, count in counts.items())


def by_kind(rows: Iterable[Covered]) -> tuple[Tally, ...]:
    """The rows counted by kind, in the order that kinds have everywhere."""
    found = {one.name: one for one in tally(rows, lambda row: row.promise.kind)}
    return tuple(found[kind] for kind in KINDS if kind in found)
