"""One runbook's file: its indicators, its receivers and its promises, as frozen types."""

from collections.abc import Sequence
from datetime import timedelta
from string import Template
from typing import Annotated, Literal

from pydantic import Field

from rundrill.promise import Alert, Frozen, Promise


class Indicator(Frozen):
    """An SLI as two counters: PromQL with `$window` (and `$within` for a bucket boundary in seconds)."""

    good: str
    total: str
    also: dict[str, str] = Field(default_factory=dict)
    """Further figures to show, name -> PromQL."""

    def over(self, window: timedelta, within: timedelta | None = None) -> "Indicator":
        """This indicator with its placeholders filled in, so that Prometheus can read it; whole seconds of window."""
        # A boundary is spelled as clients export it: 0.2, 1.0.
        words = {"window": f"{max(1, round(window.total_seconds()))}s"}
        words |= {"within": str(within.total_seconds())} if within is not None else {}
        filled = {name: Template(query).safe_substitute(words) for name, query in self.also.items()}
        good, total = (Template(query).safe_substitute(words) for query in (self.good, self.total))
        return Indicator(good=good, total=total, also=filled)


class Receiver(Frozen):
    """A channel that Alertmanager sends to; `witness` keeps what arrives there on a drill cluster."""

    kind: Literal["pagerduty", "slack", "email"]
    meaning: str


type Way = tuple[tuple[str, str], ...]
"""Labels and their values; an empty one is a label that the alert does not have."""


def way_text(way: Way) -> str:
    """`severity critical, level 2`."""
    return ", ".join(f"{name} {value}" for name, value in way if value)


class Planned(Frozen):
    """Experiments and crowds that promises name and nobody wrote yet: what rests on them is NOT RUN."""

    experiments: tuple[str, ...] = ()
    crowds: tuple[str, ...] = ()


class Runbook(Frozen):
    """Every promise of one runbook, in its own order."""

    runbook: str
    title: str
    document: str
    indicators: dict[str, Indicator]
    receivers: dict[str, Receiver]
    promises: tuple[Promise, ...]
    clauses: Annotated[int, Field(ge=1)] | None = None
    """How many verifiable clauses the document has, so that a promise too few shows."""
    planned: Planned = Planned()

    def way(self, alert: Alert) -> Way:
        """What of an alert its routes go by: its severity, and every label that any alert of this runbook is routed by."""
        climbed = sorted({name for one in self.promises if one.alert for name in one.alert.routed_by})
        labels = ((name, alert.labels[name] if name in alert.routed_by else "") for name in climbed)
        return ("severity", alert.severity), *labels

    def unwritten(self, promise: Promise) -> tuple[str, ...]:
        """The files that this promise waits for, such as `experiments/lose-the-queue.yaml`."""
        experiment = promise.experiment if promise.experiment in self.planned.experiments else None
        crowd = promise.crowd if promise.crowd in self.planned.crowds else None
        return (
            *([experiment_file(experiment)] if experiment else []),
            *([crowd_file(crowd)] if crowd else []),
        )


def not_written(files: Sequence[str]) -> str:
    """Why a promise that waits for these files is NOT RUN."""
    return f"{' and '.join(files)} {'is' if len(files) == 1 else 'are'} not written yet"


def experiment_file(name: str) -> str:
    """Where an experiment stands, from the policy's directory."""
    return f"experiments/{name}.yaml"


def crowd_file(name: str) -> str:
    """Where a crowd stands, from the policy's directory."""
    return f"loadtests/{name}.py"
