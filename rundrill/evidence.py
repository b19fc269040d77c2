"""What was seen: values, samples, windows, sources and times; never an opinion."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rundrill.promise import Question

type Value = str | float | int | bool | None


@dataclass(frozen=True)
class Raw:
    """One question that was put to the world and its whole answer, kept so that an auditor can judge again."""

    source: str
    """Where it was asked: prometheus, alertmanager, kubernetes, postgres, redis, http, logs, load, chaos, witness."""
    asked: str
    answered: object
    """JSON-ready."""
    at: datetime


@dataclass(frozen=True)
class ObjectiveSeen:
    """Good and total events over a window, and how much of that window has samples at all."""

    good: float
    total: float
    window: timedelta
    covered: timedelta
    also: Mapping[str, float] = field(default_factory=dict)
    """Further figures that are shown and never judged, such as p50_s and p99_s."""
    least_covered: str | None = None
    """The service whose samples cover so little, None where it is not one in particular."""


@dataclass(frozen=True)
class Reading:
    """What a probe saw of one subject (a pod, a setting, a node): facts by name."""

    subject: str
    facts: Mapping[str, Value]


@dataclass(frozen=True)
class StateSeen:
    """All subjects that a probe looked at; an empty tuple means that nothing was there to look at."""

    readings: tuple[Reading, ...]
    gap: str | None = None
    """Why there are no readings, where one of several questions was not answered."""
    also: tuple["StateSeen", ...] = ()
    """What was seen for each further question of the promise, in their order."""


@dataclass(frozen=True)
class RuleSeen:
    """One alerting rule as Prometheus has loaded it, and how it evaluates."""

    name: str
    expr: str
    for_: timedelta
    labels: Mapping[str, str]
    health: str
    state: str
    """inactive, pending or firing."""
    last_evaluation: datetime | None
    interval: timedelta
    expected_expr: str | None = None
    """The expression that the policy generates, to show next to the loaded one."""
    expr_same: bool | None = None
    """Whether both parse to the same syntax tree; None where nobody compared, which is UNKNOWN."""
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RouteSeen:
    """Where Alertmanager would send an alert with these labels, by its loaded configuration."""

    receivers: tuple[str, ...]
    group_wait: timedelta
    group_interval: timedelta
    send_resolved: bool


@dataclass(frozen=True)
class Hop:
    """One station of an alert on its way, with the absolute time it was reached."""

    name: str
    """fault_proven, first_bad_sample, pending, firing, alertmanager, witness:<channel>, undone, recovered_users,
    recovered_kubernetes, inactive, resolved:<channel>."""
    at: datetime
    source: str
    of: str = ""
    """The promise whose alert this is a station of; "" for what all of them share."""
    says: str = ""
    """What was seen there."""


@dataclass(frozen=True)
class LoadPhase:
    """What the crowd saw in one phase of a drill: before, fault or after."""

    name: str
    started: datetime
    ended: datetime
    planned: int
    """Arrivals that the plan had in this phase."""
    sent: int
    failed: int
    latency_s: Mapping[str, float]
    """p50, p95, p99, max in seconds, counted from the planned start of each request."""
    failures: Mapping[str, int] = field(default_factory=dict)
    """How many failed for which reason."""


@dataclass(frozen=True)
class Step:
    """One activity of an experiment as Chaos Toolkit's journal tells it."""

    name: str
    status: str  # succeeded or failed
    started: datetime | None
    ended: datetime | None
    output: object = None
    error: str | None = None
    action: bool = False  # and no probe


@dataclass(frozen=True)
class DrillSeen:
    """One run of an experiment: journal, proof, hops, load and undo."""

    experiment: str
    journal_status: str
    steady_before: bool | None
    """None when it was not looked at."""
    steps: tuple[Step, ...]
    proof: str | None
    """What showed that the fault bit, None when nothing did."""
    undone: str | None
    """What showed that the undo worked, None when nothing did."""
    hops: tuple[Hop, ...]
    load: tuple[LoadPhase, ...]
    other_alerts: tuple[str, ...] = ()
    quiet_before: bool | None = None
    """Whether the alert under test was inactive before the fault; None when nobody looked."""
    started: datetime | None = None
    ended: datetime | None = None
    interrupted: bool = False


@dataclass(frozen=True)
class AlertSeen:
    """The rule and the route that are loaded, and the drill that proves them (None when none was run)."""

    rule: RuleSeen | None
    route: RouteSeen | None
    drill: DrillSeen | None
    unwritten: tuple[str, ...] = ()
    """The files that a drill of it waits for; with one of them there is none, whatever was asked."""


@dataclass(frozen=True)
class RestoreSeen:
    """One restore of one backup into a scratch instance, compared with what the source held at the dump."""

    artefact: str
    taken_at: datetime
    size_bytes: int
    rto: timedelta
    rpo: timedelta
    """From the last marker row that survived to the moment the restore was asked for."""
    rows_compared: int
    tables: tuple[Reading, ...]
    """One reading a table: rows_source, rows_restored, digest_source, digest_restored, equal."""
    content_equal: bool
    notes: Mapping[str, str] = field(default_factory=dict)
    failure: str | None = None
    """What a restore that demonstrably failed said, such as `gunzip: unexpected end of file`; None when it ran through.
    With a failure the other figures tell how far it came, and the promise is MISSED whatever they are."""


@dataclass(frozen=True)
class KeptSeen:
    """How one objective fared while a crowd was at work: its promised target, good and total events."""

    promise: str
    target: float
    good: float
    total: float


@dataclass(frozen=True)
class Look:
    """One look at all questions of a promise: their answers, and the seconds since the crowd came, or left."""

    after_s: float
    answers: tuple["StateSeen", ...]


@dataclass(frozen=True)
class Watched:
    """Questions that were asked several times, in one order."""

    promise: str
    asked: tuple[Question, ...]
    looks: tuple[Look, ...]


@dataclass(frozen=True)
class CapacitySeen:
    """What a crowd got out of the platform, counted in whole buckets of time; `then`, when it had left."""

    planned_rate: float
    """Requests a second."""
    phases: tuple[LoadPhase, ...]
    good_per_bucket: tuple[int, ...]
    bucket: timedelta
    lost: int
    """Arrivals that the crowd itself could not send in time; over 1 % the run proves nothing."""
    kept: tuple[KeptSeen, ...] = ()
    """One entry for each objective that the promise keeps; one that lacks is UNKNOWN."""
    states: tuple[Watched, ...] = ()
    """One for each state that it keeps, looked at while the crowd was at work."""
    then: Watched | None = None


@dataclass(frozen=True)
class AttestationSeen:
    """The newest signed record of a person's act, and what a machine measured of it."""

    signed_by: str | None
    signed_at: datetime | None
    expires_at: datetime | None
    note: str = ""


type Facts = ObjectiveSeen | StateSeen | AlertSeen | DrillSeen | RestoreSeen | CapacitySeen | AttestationSeen


@dataclass(frozen=True)
class Evidence:
    """What was seen for one promise, by which source, when, with the raw answers behind it."""

    promise: str
    source: str
    taken_at: datetime
    seen: Facts
    raw: tuple[Raw, ...] = ()
