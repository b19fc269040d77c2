"""Questions to what watches the platform: metrics, rules, logs, and what was judged before."""

from typing import Annotated

from pydantic import Field, model_validator

from rundrill.probe.frozen import Frozen, exactly_one
from rundrill.units import Duration, Pattern


class PromqlProbe(Frozen):
    """An instant query. One reading a series (subject: its labels); facts: value, age (seconds since the sample)."""

    query: str


class RuleProbe(Frozen):
    """A rule as Prometheus has loaded it. Facts: found, severity, for (seconds), expr, health, state, labels.<x>, annotations.<x>, group."""

    alert: str


class LogsProbe(Frozen):
    """The newest log lines of each pod. Facts: lines (int), stamped (share with a timestamp), matching (int)."""

    namespace: str
    selector: str
    lines: Annotated[int, Field(ge=1)] = 100
    matching: Pattern | None = None
    since: Duration | None = None
    """Only lines of so long ago or less."""
    container: str | None = None
    previous: bool = False
    """The container before the last restart too, where there was one."""


class InPodProbe(Frozen):
    """A file, process or command inside each pod, asked by testinfra. Facts: exit_status, stdout; processes (int); exists (bool)."""

    namespace: str
    selector: str
    container: str | None = None
    command: str | None = None
    process: str | None = None
    """Count processes whose command line holds this."""
    file: str | None = None

    @model_validator(mode="after")
    def _asks(self) -> "InPodProbe":
        if self.command is None and self.process is None and self.file is None:
            raise ValueError("asks nothing; say command, process or file")
        return self


class VerdictProbe(Frozen):
    """The newest saved verdict of other promises on this target, those of this run left out. Facts: found, outcome, age (seconds)."""

    promise: str | None = None
    promises: tuple[str, ...] = ()
    """In place of `promise`: a reading each."""

    @model_validator(mode="after")
    def _one(self) -> "VerdictProbe":
        exactly_one(self, "promise", "promises")
        return self


class CommitProbe(Frozen):
    """A file beside the policy, in its repository. Facts: found, age (seconds since the last commit that touched it), changed (bool: since then)."""

    path: str
