"""The policy's front page, slo.yaml: targets, time profiles, guards, waivers, game days, and what it includes."""

from datetime import date

from pydantic import Field, model_validator

from rundrill.profile import Profile
from rundrill.promise import Frozen, Record
from rundrill.target import TargetEntry
from rundrill.units import Ratio
from rundrill.windows import Freeze, Hours

EVERY = "all"
"""The word of a game day for every experiment of its runbooks."""


class Waiver(Frozen):
    """A promise that may be MISSED until a day, by whose leave and why."""

    promise: str
    reason: str
    approved_by: str
    expires: date


class Guard(Frozen):
    """What a fault may touch."""

    protected_namespaces: tuple[str, ...]
    largest_share: Ratio
    """Of a workload's replicas."""
    freezes: tuple[Freeze, ...] = ()
    """Days on which nothing is drilled."""
    hours: tuple[Hours, ...] = ()
    """The only hours in which faults begin; always where nothing is said."""
    error_budget: Ratio = 0.0
    """The share of each objective's error budget that must be left before a fault may spend of it."""


class Gameday(Frozen):
    """A named choice of what to run, of one runbook or of several."""

    runbook: str | None = None
    runbooks: tuple[str, ...] = ()
    experiments: tuple[str, ...] = (EVERY,)
    """Those that are written, of all its runbooks, where nothing is said."""
    restores: tuple[str, ...] = ()
    """Ids of restore promises."""
    crowds: tuple[str, ...] = ()
    """Crowds of capacity promises."""

    @model_validator(mode="after")
    def _of_something(self) -> "Gameday":
        if bool(self.runbook) == bool(self.runbooks):
            raise ValueError("says neither or both of runbook and runbooks, expected one of them")
        return self

    @property
    def slugs(self) -> tuple[str, ...]:
        """The runbooks that it is about."""
        return (self.runbook,) if self.runbook else self.runbooks


class FrontPage(Frozen):
    """All of slo.yaml."""

    include: tuple[str, ...]
    """Runbook files, from this file's directory."""
    attestations: str | None = None
    """The file of signed records."""
    defects: tuple[str, ...] = ()
    """Files of the runbooks' defects."""
    targets: dict[str, TargetEntry]
    profiles: dict[str, Profile]
    guard: Guard
    waivers: tuple[Waiver, ...] = ()
    gamedays: dict[str, Gameday] = Field(default_factory=dict)


class Attestations(Frozen):
    """All of attestations.yaml."""

    records: tuple[Record, ...]
