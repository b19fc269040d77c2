"""What a run measures, and why the rest is not run; pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import zip_longest

from rundrill.errors import PolicyError
from rundrill.policy import Gameday, Policy
from rundrill.promise import Promise
from rundrill.runbook import Runbook, not_written
from rundrill.verdict import Because
from rundrill.wording import hint


@dataclass(frozen=True)
class Asked:
    """What the caller wants to be run."""

    disruptive: bool = False
    gameday: Gameday | None = None
    only: tuple[str, ...] = ()
    """Ids of promises, or names of experiments and crowds; everything where nothing is said."""
    runbooks: tuple[str, ...] = ()
    """Only these; all of them where nothing is said."""

    @property
    def may_disrupt(self) -> bool:
        """Whether faults and load are asked for."""
        return self.disruptive or self.gameday is not None


def asked_for(
    policy: Policy,
    disruptive: bool,
    gameday: str | None,
    only: Iterable[str],
    runbooks: Iterable[str] = (),
) -> Asked:
    """The wish, once every name in it is one of the policy's; PolicyError otherwise."""
    if gameday is not None and gameday not in policy.gamedays:
        known = ", ".join(policy.gamedays)
        raise PolicyError(f"{policy.path}: found no game day {gameday!r}, expected one of: {known}")
    names = tuple(only)
    known_names = {name for promise in policy.promises for name in names_of(promise)}
    for name in names:
        if name not in known_names:
            raise PolicyError(
                f"{policy.path}: {name!r} is neither a promise's id nor an experiment nor a crowd{hint(name, known_names)}"
            )
    slugs = tuple(policy.runbook(slug).runbook for slug in runbooks)
    return Asked(disruptive, policy.gamedays[gameday] if gameday else None, names, slugs)


def names_of(promise: Promise) -> tuple[str, ...]:
    """The id of a promise, and the experiment or crowd that it is proven by."""
    if promise.alert:
        return promise.id, promise.alert.proven_by
    if promise.drill:
        return promise.id, promise.drill.experiment
    return (promise.id, promise.capacity.crowd) if promise.capacity else (promise.id,)


def chosen(policy: Policy, asked: Asked) -> frozenset[str] | None:
    """The experiments and crowds that may be run, those that nobody wrote left out; None is all of them."""
    planned = {
        name
        for runbook in policy.runbooks
        for name in (*runbook.planned.experiments, *runbook.planned.crowds)
    }
    if asked.gameday:
        return frozenset((*asked.gameday.experiments, *asked.gameday.crowds)) - planned
    if not asked.only and not planned:
        return None
    wanted = [one for one in policy.promises if not asked.only or set(names_of(one)) & set(asked.only)]
    return frozenset(name for promise in wanted for name in names_of(promise)[1:]) - planned


def left_out(promise: Promise, asked: Asked, slug: str) -> bool:
    """Whether the caller named others and not this one."""
    if asked.runbooks and slug not in asked.runbooks:
        return True
    return bool(asked.only) and not set(names_of(promise)) & set(asked.only)


@dataclass(frozen=True)
class Left:
    """Why a promise is not measured in a run."""

    because: Because
    says: str


def why_not(promise: Promise, asked: Asked, runbook: Runbook, capabilities: Iterable[str]) -> Left | None:
    """Why this promise is not measured in this run; None where it is."""
    if left_out(promise, asked, runbook.runbook):
        return _UNASKED
    if lacking := promise.lacking(capabilities):
        return Left(Because.CAPABILITY, f"needs {', '.join(lacking)}, which the target does not have")
    if asked.gameday and runbook.runbook not in asked.gameday.slugs:
        return Left(Because.UNASKED, "not of this game day's runbooks")
    if promise.restore:
        return _why_no_restore(promise, asked)
    # Alerts are always measured: without a drill, by how they are wired.
    return _why_no_drill(promise, asked, runbook) if promise.drill or promise.capacity else None


_UNASKED = Left(Because.UNASKED, "not asked for")
_NO_PART = Left(Because.UNASKED, "not part of this game day")


def _why_no_restore(promise: Promise, asked: Asked) -> Left | None:
    if asked.gameday:
        return None if promise.id in asked.gameday.restores else _NO_PART
    if asked.disruptive or asked.only:
        return None
    return Left(Because.DISRUPTIVE, "starts a scratch server: needs --disruptive or --only")


def _why_no_drill(promise: Promise, asked: Asked, runbook: Runbook) -> Left | None:
    if unwritten := runbook.unwritten(promise):
        return Left(Because.PLANNED, not_written(unwritten))
    if not asked.may_disrupt:
        return Left(Because.DISRUPTIVE, "needs --disruptive")
    if asked.gameday:
        names = {*asked.gameday.experiments, *asked.gameday.crowds}
        return None if set(names_of(promise)) & names else _NO_PART
    return None


def order_of(promise: Promise, asked: Asked, allowed: frozenset[str] | None) -> tuple[int, int]:
    """Where a promise comes in a run: what only reads first, then restores, channels, faults and load."""
    drilled = asked.may_disrupt and bool(names_of(promise)[1:])
    experiment = names_of(promise)[1] if drilled else ""
    if not drilled or (allowed is not None and experiment not in allowed):
        stage = _STAGES.get(promise.kind, 2)
    elif experiment == "synthetic-alert":
        # First on a game day: channels need no steady state, and a young cluster's window fills meanwhile.
        stage = 0 if asked.gameday else 6
    else:
        stage = 8 if promise.capacity else DRILLING
    listed = asked.gameday.experiments if asked.gameday else ()
    return stage, listed.index(experiment) if experiment in listed else len(listed)


READING = range(1, 5)
"""The stages that only read, several promises at a time; what comes later takes seconds or minutes each."""
DRILLING = 7
"""The stage of experiments: chains of them run side by side."""
_STAGES: Mapping[str, int] = {"objective": 1, "state": 2, "alert": 3, "attestation": 4, "restore": 5}


_STATES = {
    "config": "setting",
    "database": "database",
    "cache": "database",
    "security": "security",
    "backup": "backup",
}


def check_of(promise: Promise) -> str:
    """The word that the check of a promise knows it by: its kind, or for a state what its id's second word tells."""
    return promise.kind if promise.kind != "state" else _STATES.get(promise.id.split(".")[1], "workload")


def in_turns(promises: Iterable[Promise], slug_of: Callable[[Promise], str]) -> list[Promise]:
    """One promise of each platform after the other, so that nobody waits for a server while others have nothing to do."""
    rows: dict[str, list[Promise]] = {}
    for promise in promises:
        rows.setdefault(slug_of(promise), []).append(promise)
    return [promise for row in zip_longest(*rows.values()) for promise in row if promise is not None]
