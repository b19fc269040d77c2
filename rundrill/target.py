"""Where to look: a cluster's context, the addresses of its servers, and where their credentials stand."""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from rundrill.errors import TargetError
from rundrill.units import Address

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SecretRef(_Frozen):
    """A credential by reference, never inline: a Secret's key or an environment variable."""

    secret: str | None = None
    """namespace/name/key"""
    env: str | None = None

    @model_validator(mode="after")
    def _one(self) -> "SecretRef":
        if (self.secret is None) == (self.env is None):
            raise ValueError("expected one of `secret: namespace/name/key` and `env: NAME`")
        if self.secret is not None and self.secret.count("/") != 2:
            raise ValueError(f"{self.secret!r} is no Secret's key (try namespace/name/key)")
        return self


class ServiceAddress(_Frozen):
    """A server inside the cluster: `namespace/name:port`."""

    service: Address
    scheme: Literal["http", "https"] = "http"
    relayed: bool = False
    """Of a front door: whether crowds come through a relay of ours, since its own pods are what drills replace."""


class DatabaseAddress(_Frozen):
    """A PostgreSQL or Redis server inside the cluster and how to log in."""

    service: Address
    password: SecretRef
    user: str | None = None
    database: str | None = None


class BrokerAddress(_Frozen):
    """Kafka brokers inside the cluster, by the service that leads to any of them."""

    service: Address


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
    ingress: ServiceAddress | None = None
    """Its front door; crowds and users' objectives need one."""
    ingress_hosts: dict[str, str] = Field(default_factory=dict)
    """Role -> host name, such as {auth: auth.aic-aipaas.local}."""
    ingress_key: SecretRef | None = None
    """What its users bear, where it knows them by a key."""
    postgres: dict[str, DatabaseAddress] = Field(default_factory=dict)
    """`reader` for reading; `driller` for faults; any other, such as `replica`, reads too, where a probe names it."""
    redis: DatabaseAddress | None = None
    kafka: BrokerAddress | None = None
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
    inside: bool = False
    """Whether we run in a pod of it, so that its services can be reached by name."""


class HasTargets(Protocol):
    """A policy, as far as this file needs to know it."""

    @property
    def targets(self) -> Mapping[str, TargetEntry]:
        """slo.yaml's targets, by context name."""
        ...


def entry_of(url: str, policy: HasTargets) -> TargetEntry:
    """What slo.yaml says of the target `kube://NAME`."""
    name = _name_in(url)
    entry = policy.targets.get(url) or policy.targets.get(name)
    if entry is None:
        raise TargetError(
            f"{url}: slo.yaml has no such entry under targets, only {', '.join(policy.targets)}"
        )
    return entry


def _name_in(url: str) -> str:
    scheme, _, name = url.partition("://")
    if scheme != "kube" or not name:
        raise TargetError(f"--target: found {url!r}, expected kube://CONTEXT such as kube://rundrill")
    return name


def open_target(url: str, policy: HasTargets) -> Target:
    """The target of `kube://NAME`: its entry in slo.yaml, and the kubeconfig that knows the context NAME."""
    entry, name = entry_of(url, policy), _name_in(url)
    looked = []
    for kubeconfig in _kubeconfigs(name):
        if name in _contexts(kubeconfig):
            return Target(url=url, context=name, kubeconfig=kubeconfig, entry=entry)
        looked.append(str(kubeconfig))
    if (_ACCOUNT / "token").is_file():
        return Target(url=url, context=name, kubeconfig=_own_account(name), entry=entry, inside=True)
    raise TargetError(
        f"{url}: no context {name!r} in {' or '.join(looked)} (`rundrill up` makes a drill cluster)"
    )


def _kubeconfigs(name: str) -> Iterator[Path]:
    """Where a context may stand, in the order of looking; $KUBECONFIG may be a list of files joined by colons."""
    if name == "rundrill":
        from rundrill.cluster import open_provider

        with contextlib.suppress(TargetError):  # No drill cluster: somebody else's may bear the name.
            yield open_provider().kubeconfig()
    if listed := os.environ.get("KUBECONFIG"):
        yield Path(listed)
    yield Path.home() / ".kube" / "config"


def _contexts(kubeconfig: Path) -> set[str]:
    """The names of all contexts in a kubeconfig, or in a list of them; none where there is no file."""
    names: set[str] = set()
    for part in str(kubeconfig).split(os.pathsep):
        if part and Path(part).expanduser().is_file():
            said = yaml.safe_load(Path(part).expanduser().read_text()) or {}
            names |= {context["name"] for context in said.get("contexts") or ()}
    return names


def _own_account(name: str) -> Path:
    """A kubeconfig for the service account of the pod that we run in; it names the token's file, not the token."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    said: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [
            {"name": name, "cluster": {"server": server, "certificate-authority": str(_ACCOUNT / "ca.crt")}}
        ],
        "users": [{"name": name, "user": {"tokenFile": str(_ACCOUNT / "token")}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }
    written = Path(tempfile.mkdtemp(prefix="rundrill-")) / "kubeconfig"
    written.write_text(yaml.safe_dump(said))
    return written
