"""Questions to Kubernetes about what it holds and whom it lets do what."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from rundrill.probe.frozen import Frozen, exactly_one
from rundrill.units import Duration, Pattern


class WorkloadProbe(Frozen):
    """Workloads by name or label. Facts: kind, replicas, ready, restarts (last hour), age (seconds), image."""

    namespace: str | None = None
    """All namespaces where nothing is said."""
    kind: Literal["Deployment", "StatefulSet", "DaemonSet", "Pod"]
    names: tuple[str, ...] = ()
    """Each must be there: a missing one is a reading with found=false."""
    selector: str | None = None


class ObjectProbe(Frozen):
    """Any Kubernetes objects. Facts: found (bool) and every `fields` entry, by a dotted path.

    Steps of a path: a key; `key=value` picks the first item of a list with that key (`status.conditions.type=Ready.status`);
    `*` joins all items of a list or values of a mapping with ", "; `#` at the end counts them (nothing there: "" and 0);
    `#key` counts the items that have that key, or the path that begins with it (`spec.containers.#livenessProbe`);
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


class ConfigProbe(Frozen):
    """Settings as a ConfigMap's file has them, or as a workload's environment resolves them. Facts: found, keys (text), and each of `fields`.

    What comes from a Secret is known by its key only, never by its value.
    """

    namespace: str
    config_map: str | None = None
    secret_keys: str | None = None
    """A Secret of which only the names of its keys are told."""
    deployment: str | None = None
    stateful_set: str | None = None
    container: str | None = None
    """Whose environment; the first container's where nothing is said."""
    key: str | None = None
    """The key of the ConfigMap, or the environment variable, that holds the file; all of them where nothing is said."""
    format: Literal["properties", "yaml", "json", "env", "text"] = "text"
    fields: dict[str, str] = Field(default_factory=dict)
    """Fact name -> a key as it stands, or a dotted path into the parsed file; `.` is the whole text."""

    @model_validator(mode="after")
    def _one(self) -> "ConfigProbe":
        exactly_one(self, "config_map", "secret_keys", "deployment", "stateful_set")
        return self


class SecretProbe(Frozen):
    """Secrets by what may be told of them. Facts: found, age (seconds since the values last changed), keys (text);
    with `key` also length (bytes), bits (an upper bound of its entropy) and placeholder (bool: reads like an example)."""

    namespace: str
    names: tuple[str, ...] = ()
    """Each must be there; all of the namespace where nothing is said."""
    key: str | None = None


class AccessProbe(Frozen):
    """Whether somebody may do something, by Kubernetes' own SubjectAccessReview. Facts: allowed (bool), reason (text)."""

    as_: Annotated[str, Field(alias="as")]
    """`system:serviceaccount:NAMESPACE:NAME`, a user's name, or `me`."""
    verb: str
    resource: str
    group: str = ""
    namespace: str = ""
    """All namespaces, or cluster-wide, where nothing is said."""
    name: str = ""
    subresource: str = ""


class RbacProbe(Frozen):
    """Every role binding that gives rights in a namespace, cluster-wide ones too.

    Facts: wildcard (bool), cluster_admin (bool), default_account (bool), subjects (text), role (text).
    Cluster-wide bindings count where they name a subject of that namespace; Kubernetes' own groups are left out.
    """

    namespace: str


class AccountsProbe(Frozen):
    """The service account of each workload of a namespace. Facts: account, own (bool: no other workload uses it),
    default (bool), automount (bool), can_read_secrets (bool)."""

    namespace: str
    selector: str | None = None


class EventsProbe(Frozen):
    """Events of a namespace in one reading. Facts: count, newest (text), age (seconds since the newest, where there is one)."""

    namespace: str
    type: Literal["Normal", "Warning"] | None = None
    reason: str | None = None
    about: Pattern | None = None
    """What its object's kind and name match, such as `^Pod/worker-`."""
    since: Duration | None = None
    """Older events are left out."""


class ClaimsProbe(Frozen):
    """PersistentVolumeClaims. Facts: found, bound (bool), phase, used (share of bytes), inodes (share), by the kubelet's statistics."""

    namespace: str
    names: tuple[str, ...] = ()
