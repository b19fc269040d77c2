"""What each kind of promise says, as frozen types that refuse what they do not know."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rundrill.probe import Expectation, Probe
from rundrill.units import Duration, Events, Ratio

Severity = Literal["critical", "warning", "info"]
type Words = dict[str, str | int | float | bool]
"""The numbers that a clause names and no key of ours takes: a count, `5m`, `1000/1s`, `85%`, a word."""

SYNTHETIC = "synthetic-alert"
"""What proves a channel: an alert that is pushed to Alertmanager by hand. Every other proof is an experiment with a file."""
OWN_LABELS = frozenset({"alertname", "severity", "promise", "runbook"})


class Frozen(BaseModel):
    """A value of the policy: immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Objective(Frozen):
    """This indicator meets this target over this window; `within` picks the bucket of a latency indicator."""

    indicator: str
    target: Ratio
    window: Duration
    within: Duration | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "Objective":
        if not self.window:
            raise ValueError("a window of no length holds no events (try 30d)")
        if not self.target:
            raise ValueError("a target of 0% is always met (try 99.9%)")
        return self


class Alert(Frozen):
    """This condition, for this long, pages these receivers within this time and resolves.

    Without `when` it is a channel: a synthetic alert of that severity must reach exactly these receivers.
    """

    severity: Severity
    receivers: tuple[str, ...]
    notified_within: Duration
    when: str | None = None
    for_: Annotated[Duration | None, Field(alias="for")] = None
    quiet_for: Duration | None = None
    never: tuple[str, ...] = ()
    proven_by: str
    """The name of an experiment, or `synthetic-alert`."""
    labels: dict[str, str] = Field(default_factory=dict)
    """What its rule carries besides ours, such as {team: ai-pipeline}; routes may go by it."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """Such as {summary: …, runbook_url: …}, with Prometheus's own placeholders."""
    routed_by: tuple[str, ...] = ()
    """Names of its `labels` that its routes go by, beside the severity: what climbs a ladder has a label that says how far."""
    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """Its `alertname`, where that is not the id's last word in camel case."""

    @model_validator(mode="after")
    def _whole(self) -> "Alert":
        if not self.receivers:
            raise ValueError("receivers is empty; an alert that reaches nobody is none")
        if self.when and self.for_ is None:
            raise ValueError("has a `when` and no `for` (try for: 0s)")
        if not self.when and (self.for_ is not None or self.quiet_for is not None):
            raise ValueError("has no `when`, so `for` and `quiet_for` say nothing")
        if own := sorted(self.labels.keys() & OWN_LABELS):
            raise ValueError(f"labels: {', '.join(own)} is set by the generator")
        if astray := sorted(set(self.routed_by) - self.labels.keys()):
            raise ValueError(f"routed_by: {', '.join(astray)} is none of its labels")
        if bool(self.when) == (self.proven_by == SYNTHETIC):
            wanted = (
                "an experiment, since it has a `when`"
                if self.when
                else f"{SYNTHETIC}, since it has no `when`"
            )
            raise ValueError(f"proven_by is {self.proven_by!r}, expected {wanted}")
        return self


class Question(Frozen):
    """This probe's every reading meets every expectation, by the reading's fact name."""

    probe: Probe
    expect: Annotated[dict[str, Expectation], Field(min_length=1)]
    subjects: Annotated[int, Field(ge=1)] | None = None
    """How many subjects there must be at least; one where nothing is said."""


class State(Question):
    """One question, and what must hold as well, where a clause asks several sources."""

    also: tuple[Question, ...] = ()


class Keeps(Frozen):
    """What the users must not notice while a drill runs."""

    errors: Ratio
    """The largest share of failed requests, over fault and recovery together."""


class Drill(Frozen):
    """This fault or procedure, under this crowd: recovered or done within a time, and what holds meanwhile."""

    experiment: str
    under: str | None = None
    """The crowd that must not notice; none where the clause has no users."""
    within: Duration
    """From the fault proven (or the procedure started) to the users' objective holding again."""
    holds_for: Duration = Field(default="30s", validate_default=True)
    """How long the objective must hold under load before it counts as recovered."""
    keeps: Keeps | None = None
    with_: Annotated[Words, Field(alias="with")] = Field(default_factory=dict)
    """The clause's own numbers, which the experiment is given."""
    then: tuple[Question, ...] = ()
    """What must be so when it is done; a drill that nobody asked this of is never MET."""

    @property
    def shown_within(self) -> timedelta:
        """Until when it can be said to have recovered: it must hold for a while once it does."""
        return self.within + self.holds_for

    @model_validator(mode="after")
    def _somebody_notices(self) -> "Drill":
        if self.keeps is not None and self.under is None:
            raise ValueError("keeps says what a crowd must not notice, and there is none (say `under`)")
        return self


class Restore(Frozen):
    """This backup is fresh, restores within RTO, loses no more than RPO and holds the same data."""

    backup: str
    """The id of the promise about the backup itself; its own id where it is the same one."""
    into: Literal["scratch"]
    rto: Duration
    rpo: Duration
    compare: Literal["content"]


class Capacity(Frozen):
    """At this rate of arrivals, for this long, these objectives hold."""

    crowd: str
    rate: Events
    lasts: Duration
    keeps: tuple[str, ...]
    """Ids of promises that hold meanwhile: objectives by what the crowd saw, states by looking."""
    with_: Annotated[Words, Field(alias="with")] = Field(default_factory=dict)
    """The clause's own numbers, which the crowd is given."""
    then: tuple[Question, ...] = ()
    """What must be so when the crowd has left; one that nobody asked this of is never MET."""

    @model_validator(mode="after")
    def _some_load(self) -> "Capacity":
        if not self.rate.count or not self.lasts:
            raise ValueError("no load at all proves nothing (try rate: 10000/1m, lasts: 10m)")
        return self


class Attestation(Frozen):
    """A person did this; the record expires after `renewed_every`."""

    act: str
    within: Duration | None = None
    renewed_every: Duration
