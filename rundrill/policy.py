"""slo.yaml and runbooks/*.yaml as one frozen Policy."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import Field

from rundrill.profile import Profile
from rundrill.promise import Frozen, Promise
from rundrill.target import TargetEntry


class Indicator(Frozen):
    """An SLI as two counters: PromQL with `$window` (and `$within` for a bucket boundary in seconds)."""

    good: str
    total: str
    also: dict[str, str] = Field(default_factory=dict)
    """Further figures to show, name -> PromQL."""


class Receiver(Frozen):
    """A channel that Alertmanager sends to; `witness` keeps what arrives there on a drill cluster."""

    kind: str
    """pagerduty, slack or email."""
    meaning: str


class Waiver(Frozen):
    """A promise that may be MISSED until a day, by whose leave and why."""

    promise: str
    reason: str
    approved_by: str
    expires: date


class Guard(Frozen):
    """What a fault may touch."""

    protected_namespaces: tuple[str, ...]
    largest_share: float


class Gameday(Frozen):
    """A named choice of what to run."""

    runbook: str
    experiments: tuple[str, ...]
    restores: tuple[str, ...]


class Runbook(Frozen):
    """Every promise of one runbook, in its own order."""

    runbook: str
    title: str
    document: str
    indicators: dict[str, Indicator]
    receivers: dict[str, Receiver]
    promises: tuple[Promise, ...]


@dataclass(frozen=True)
class Policy:
    """All that was promised, and the rules of measuring it."""

    path: Path
    targets: Mapping[str, TargetEntry]
    profiles: Mapping[str, Profile]
    guard: Guard
    waivers: tuple[Waiver, ...]
    gamedays: Mapping[str, Gameday]
    runbooks: tuple[Runbook, ...]

    @property
    def promises(self) -> tuple[Promise, ...]:
        """Every promise of every runbook, in order."""
        return tuple(promise for runbook in self.runbooks for promise in runbook.promises)
