"""One promise of a runbook, of whichever kind, as a frozen type that refuses what it does not know."""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from rundrill.capabilities import Capability
from rundrill.kinds import (
    OWN_LABELS,
    SYNTHETIC,
    Alert,
    Attestation,
    Capacity,
    Drill,
    Frozen,
    Keeps,
    Objective,
    Question,
    Restore,
    Severity,
    State,
)
from rundrill.units import Duration

__all__ = [
    "KINDS",
    "OWN_LABELS",
    "SYNTHETIC",
    "Alert",
    "Attestation",
    "Capacity",
    "Drill",
    "Frozen",
    "Gate",
    "Keeps",
    "Kind",
    "Literally",
    "MeasuredPart",
    "Objective",
    "Promise",
    "Question",
    "Record",
    "Restore",
    "Severity",
    "State",
]

Gate = Literal["must", "should"]
Kind = Literal["objective", "alert", "state", "drill", "restore", "capacity", "attestation"]


class Record(Frozen):
    """A signed attestation, as it stands in attestations.yaml."""

    promise: str
    signed_by: str
    signed_on: date
    note: str


class MeasuredPart(Frozen):
    """The part of a person's promise that a machine measures."""

    alert: str
    reaches: str
    within: Duration


class Literally(Frozen):
    """What the runbook says word for word, where that is defective, and the defect's name."""

    defect: str
    when: str | None = None
    command: str | None = None

    @model_validator(mode="after")
    def _one(self) -> "Literally":
        if (self.when is None) == (self.command is None):
            raise ValueError("expected one of `when` and `command`")
        return self


class Promise(Frozen):
    """One clause of a runbook; exactly one block says its kind."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$")]
    says: Annotated[str, Field(min_length=1)]
    source: Annotated[str, Field(min_length=1)]
    gate: Gate
    needs: tuple[Capability, ...] = ()
    evidence_lasts: Duration | None = None
    literal: Literally | None = None
    measured_part: MeasuredPart | None = None
    note: str | None = None
    objective: Objective | None = None
    alert: Alert | None = None
    state: State | None = None
    drill: Drill | None = None
    restore: Restore | None = None
    capacity: Capacity | None = None
    attestation: Attestation | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "Promise":
        said = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(said) != 1:
            found = " and ".join(said) or "no block that says its kind"
            raise ValueError(f"found {found}, expected exactly one of {', '.join(KINDS)}")
        return self

    @property
    def kind(self) -> Kind:
        """The name of the one block that is there."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def alert_name(self) -> str:
        """The `alertname` of its rule or synthetic alert: the id's last word in camel case, such as `ServiceDown`."""
        if self.alert and self.alert.name:
            return self.alert.name
        return "".join(word.capitalize() for word in self.id.rpartition(".")[2].split("-"))

    @property
    def experiment(self) -> str | None:
        """The experiment that proves it; None for a channel too, which needs no file."""
        named = self.alert.proven_by if self.alert else self.drill.experiment if self.drill else None
        return None if named == SYNTHETIC else named

    @property
    def crowd(self) -> str | None:
        """The crowd that it is measured under."""
        return self.drill.under if self.drill else self.capacity.crowd if self.capacity else None

    def lacking(self, capabilities: Iterable[str]) -> list[str]:
        """What it needs and a target with those capabilities has not."""
        return sorted(set(self.needs) - set(capabilities))

    @property
    def disruptive(self) -> bool:
        """Whether measuring it in full changes or loads the target, or pages somebody."""
        return self.kind in ("alert", "drill", "capacity")


KINDS: tuple[Kind, ...] = ("objective", "alert", "state", "drill", "restore", "capacity", "attestation")
