"""One run: what was asked of which target, and what came out for every promise."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from rundrill.evidence import Evidence, Value
from rundrill.profile import Profile
from rundrill.promise import Promise
from rundrill.verdict import Verdict


@dataclass(frozen=True)
class Row:
    """One promise of the run, its verdict and the evidence behind it (None when nothing could be measured)."""

    promise: Promise
    runbook: str
    verdict: Verdict
    evidence: Evidence | None
    took_s: float


@dataclass(frozen=True)
class DefectSeen:
    """A defect of a runbook, shown: what the literal form did, and what the mended form did."""

    defect: str
    promise: str
    literal: str
    """The runbook's own form, as a command or expression."""
    literal_seen: str
    """What was measured when it ran in isolation."""
    mended: str
    mended_seen: str
    shown: bool
    """Whether the measurement shows the defect; False means that it could not be reproduced."""
    facts: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class DefectRow:
    """A row of the runbooks' defects, and what is on record of showing it."""

    id: str
    number: int
    runbook: str
    where: str
    says: str
    shows: str
    mended_by: str
    promises: tuple[str, ...]
    way: str
    """shell, kubectl, sql, redis, promql, rules, numbers or drilled."""
    literal: str
    intended: str
    shown: bool | None = None
    """None where nobody ran it since it was last changed."""
    why_not: str | None = None
    literal_seen: str = ""
    intended_seen: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class Run:
    """Everything that a report is made of."""

    id: str
    """UTC start, such as 20261121-093012."""
    command: str
    started: datetime
    ended: datetime
    target: str
    """The URL, such as kube://rundrill."""
    profile_name: str
    profile: Profile
    disruptive: bool
    interrupted: bool
    rows: tuple[Row, ...]
    defects: tuple[DefectSeen, ...] = ()
    """Those that this run showed."""
    defect_rows: tuple[DefectRow, ...] = ()
    """All that are known of the runbooks, with what is on record of each."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Runbook -> the platform's name."""
    undo_failed: str | None = None
    """What may still be in place of a fault, and why; None where every undo was proven."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """What was measured with and on: rundrill, kubernetes, postgres, prometheus, ..."""
