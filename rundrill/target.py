"""Where to look: a cluster's context, the addresses of its servers, and where their credentials stand."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SecretRef(_Frozen):
    """A credential by reference, never inline: a Secret's key or an environment variable."""

    secret: str | None = None
    """namespace/name/key"""
    env: str | None = None


class ServiceAddress(_Frozen):
    """A server inside the cluster: `namespace/name:port`."""

    service: str
    scheme: str = "http"


class DatabaseAddress(_Frozen):
    """A PostgreSQL or Redis server inside the cluster and how to log in."""

    service: str
    password: SecretRef
    user: str | None = None
    database: str | None = None


class BackupPlace(_Frozen):
    """Where the artefacts of a backup lie: a directory on a claim, reached through a pod that mounts it."""

    namespace: str
    claim: str
    directory: str
    pattern: str
    cronjob: str | None = None
    source: str
    """The name of the database entry that is dumped."""
    markers: str
    """SQL that gives the newest marker's time, such as `SELECT max(written_at) FROM backup_markers`."""


class PlatformAddresses(_Frozen):
    """One platform on a target: its monitoring, its databases, its front door."""

    prometheus: ServiceAddress
    alertmanager: ServiceAddress
    witness: ServiceAddress | None = None
    ingress: ServiceAddress
    ingress_hosts: dict[str, str]
    """Role -> host name, such as {auth: auth.aic-aipaas.local}."""
    postgres: dict[str, DatabaseAddress]
    """`reader` for reading; `driller` for faults."""
    redis: DatabaseAddress | None = None
    backups: dict[str, BackupPlace] = Field(default_factory=dict)
    namespaces: dict[str, str] = Field(default_factory=dict)
    """A runbook's namespace -> the one on this target, where they differ."""


class TargetEntry(_Frozen):
    """An entry of slo.yaml's `targets`."""

    profile: str
    capabilities: tuple[str, ...] = ()
    """What it has that promises may need: cloud-project, grafana, cert-manager."""
    platforms: dict[str, PlatformAddresses]


class Target(_Frozen):
    """An opened target: its URL, its context, its kubeconfig and what slo.yaml says of it."""

    url: str
    context: str
    kubeconfig: Path
    entry: TargetEntry
