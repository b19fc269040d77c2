"""Did the promise hold? Pure arithmetic on evidence; time enters as an argument."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """The five things a report can say of a promise."""

    MET = "MET"
    MISSED = "MISSED"
    UNKNOWN = "UNKNOWN"
    WAIVED = "WAIVED"
    NOT_RUN = "NOT RUN"


class Because(StrEnum):
    """Why a promise is NOT RUN, for whoever counts them apart."""

    CAPABILITY = "capability"
    """The target lacks something that the promise needs."""
    PLANNED = "planned"
    """Its experiment or crowd is not written yet."""
    DISRUPTIVE = "disruptive"
    """It changes or loads the target, and nobody asked for that."""
    UNASKED = "unasked"
    """The caller named others, or the run was cut short."""


@dataclass(frozen=True)
class Verdict:
    """What is said of one promise, why in one line, and the numbers behind it."""

    promise: str
    outcome: Outcome
    reason: str
    measured: Mapping[str, object] = field(default_factory=dict)
    """JSON-ready; a drill's holds detected_after_s, notified_after_s, recovered_after_s, resolved_after_s, hops, load;
    a restore's rto_s, rpo_s, rows_compared, content_equal."""
    notes: tuple[str, ...] = ()
    """What else a reader must know: the time profile, extra alerts, a mend."""
    because: Because | None = None
    """Of NOT RUN only."""

    @property
    def met(self) -> bool:
        """Whether the promise held on evidence."""
        return self.outcome is Outcome.MET
