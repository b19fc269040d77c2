"""The words a state promise is measured with: one key names the source, the rest are its parameters.

Every probe answers with readings: a subject each, and facts by name. Which facts a probe gives stands in its
docstring; a promise's `expect` names facts. A fact that is missing is UNKNOWN, never a pass.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rundrill.units import Address, Duration, Pattern, Quantity


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HttpProbe(_Frozen):
    """One GET from inside the cluster's network. Facts: status (int), body (text), json.<path> (parsed), took (seconds)."""

    service: Address
    """namespace/name:port, or `https:namespace/name:port`."""
    path: Annotated[str, Field(pattern="^/")]
    host: str | None = None
    every_pod: bool = False
    """Ask each ready pod behind the service: one reading a pod, not one for the service."""


class WorkloadProbe(_Frozen):
    """Workloads by name or label. Facts: kind, replicas, ready, restarts (last hour), age (seconds), image."""

    namespace: str | None = None
    """All namespaces where nothing is said."""
    kind: Literal["Deployment", "StatefulSet", "DaemonSet", "Pod"]
    names: tuple[str, ...] = ()
    """Each must be there: a missing one is a reading with found=false."""
    selector: str | None = None


class ObjectProbe(_Frozen):
    """Any Kubernetes objects. Facts: found (bool) and every `fields` entry, by a dotted path.

    Steps of a path: a key; `key=value` picks the first item of a list with that key (`status.conditions.type=Ready.status`);
    `*` joins all items of a list or values of a mapping with ", "; `#` at the end counts them (nothing there: "" and 0);
    `.since` after a timestamp gives its age in seconds. `A / B` divides two Kubernetes quantities; of two mappings
    (`status.used / status.hard`) it gives the largest quotient over their keys. A path that leads nowhere gives no fact.
    Secrets are asked for as metadata only (PartialObjectMetadata), so that their values reach no evidence.
    """

    api: Annotated[str, Field(pattern="^([a-z0-9.-]+/)?v[0-9a-z]+/[A-Z][A-Za-z]+$")]
    """`v1/ConfigMap`, `batch/v1/CronJob`, `v1/Node`, `metrics.k8s.io/v1beta1/NodeMetrics`; the plural is looked up by discovery."""
    namespace: str | None = None
    """All namespaces where nothing is said."""
    namespaces: tuple[str, ...] = ()
    """In place of `namespace`: each of them must hold one; one that holds none is a reading with found=false."""
    names: tuple[str, ...] = ()
    """Each must be there (in each of `namespaces`): a missing one is a reading with found=false."""
    selector: str | None = None
    fields: dict[str, str] = Field(default_factory=dict)
    """Fact name -> path, such as {suspended: spec.suspend}."""


class SettingProbe(_Frozen):
    """One PostgreSQL setting. Facts: value (as SHOW prints it), pending_restart (bool), source, overridden (bool: by role or database)."""

    setting: str


class SqlProbe(_Frozen):
    """A read-only query. One reading a row; facts: its columns; subject: the first column, or `row N`."""

    query: str


class RedisProbe(_Frozen):
    """A read-only Redis command. Facts: INFO sections as keys, CONFIG GET as key/value, PING as reply, and took (seconds)."""

    command: str


class PromqlProbe(_Frozen):
    """An instant query. One reading a series (subject: its labels); facts: value, age (seconds since the sample)."""

    query: str


class LogsProbe(_Frozen):
    """The newest log lines of each pod. Facts: lines (int), stamped (share with a timestamp), matching (int)."""

    namespace: str
    selector: str
    lines: Annotated[int, Field(ge=1)] = 100
    matching: Pattern | None = None


class InPodProbe(_Frozen):
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


class BackupProbe(_Frozen):
    """The newest backup artefact. Facts: age (seconds), size (bytes), complete (bool: archive sound, trailer there), carriage_returns (int), sha256_matches (bool)."""

    backup: str
    """The name of an entry of the target's `backups`."""


class Probe(_Frozen):
    """Exactly one of these keys."""

    http: HttpProbe | None = None
    workload: WorkloadProbe | None = None
    object: ObjectProbe | None = None
    postgres_setting: Annotated[SettingProbe | None, Field(alias="postgres-setting")] = None
    sql: SqlProbe | None = None
    redis: RedisProbe | None = None
    promql: PromqlProbe | None = None
    logs: LogsProbe | None = None
    in_pod: Annotated[InPodProbe | None, Field(alias="in-pod")] = None
    backup: BackupProbe | None = None

    @model_validator(mode="after")
    def _one(self) -> "Probe":
        said = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(said) != 1:
            raise ValueError(f"found {' and '.join(said) or 'no probe'}, expected exactly one")
        return self

    @property
    def word(self) -> str:
        """The name of the field that is set, such as `postgres_setting`."""
        return next(name for name in type(self).model_fields if getattr(self, name) is not None)


class Expectation(_Frozen):
    """What one fact must be; every key that is there must hold. `1s`, `85%`, `256Mi` are read in seconds, shares, bytes."""

    equals: str | int | float | bool | None = None
    same_as: str | None = None
    """The name of another fact of the same reading."""
    at_least: Quantity | None = None
    at_most: Quantity | None = None
    below: Quantity | None = None
    above: Quantity | None = None
    matches: Pattern | None = None
    """Searched, not matched from the start."""
    younger_than: Duration | None = None
    """For facts in seconds."""

    @model_validator(mode="after")
    def _some(self) -> "Expectation":
        if not self.model_fields_set:
            raise ValueError(f"expects nothing; say {', '.join(type(self).model_fields)}")
        # An expectation of nothing would hold for whatever is found.
        for name in type(self).model_fields:
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(f"{name} is empty")
        return self
