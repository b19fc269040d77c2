"""The reference platforms on a drill cluster: image, manifests, credentials, monitoring."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rundrill.cluster.provider import Progress, Provider
from rundrill.errors import PolicyError
from rundrill.platform import monitoring
from rundrill.platform.certificates import Certificate, make_certificate, needs_renewal
from rundrill.platform.cluster_client import Kubectl, Manifest
from rundrill.platform.credentials import Values, decoded, missing_credentials, read_secrets, secret
from rundrill.platform.image import DEPLOY, base_image, database_image, deliver, services_image
from rundrill.platform.manifests import (
    BASE_PLACEHOLDER,
    DATABASE_PLACEHOLDER,
    PLACEHOLDER,
    digest_of,
    key,
    read_manifests,
)
from rundrill.platform.schedule import cron_of
from rundrill.platform.workloads import unready, wait_ready
from rundrill.policy import Policy
from rundrill.profile import Profile

DATA_LABEL = "rundrill.dev/data"
_STATE = ("rundrill-state", "monitoring")
_READY_WITHIN = timedelta(minutes=4)


def platforms() -> tuple[str, ...]:
    """The names of the reference platforms."""
    return tuple(sorted(p.name for p in (DEPLOY / "platforms").iterdir() if p.is_dir()))


def bring_up(slug: str, provider: Provider, policy: Policy, say: Progress) -> None:
    """The platform on the cluster, as the sources and the policy say, every workload ready; heals what is not."""
    home = Path(os.environ.get("RUNDRILL_HOME") or Path.home() / ".cache" / "rundrill").resolve()
    base = base_image(home, say)
    database, services = database_image(base), services_image(base, slug)
    deliver([database, services], base, provider, home, say)
    refs = {PLACEHOLDER: services.ref, DATABASE_PLACEHOLDER: database.ref, BASE_PLACEHOLDER: base.ref}
    kubectl = Kubectl(provider.kubectl(), provider.kubeconfig())
    wanted = _Wanted(read_manifests(slug, refs), policy, slug, _drill_profile(policy))
    if wanted.stands(kubectl):
        say(f"{slug}: up, nothing to change")
        return
    wanted.apply(kubectl, say)
    wanted.remember(kubectl)
    say(f"{slug}: up")


def _drill_profile(policy: Policy) -> Profile:
    """The time profile of the drill cluster's entry in `targets`."""
    for name, entry in policy.targets.items():
        if "rundrill" in name:
            return policy.profiles[entry.profile]
    raise PolicyError(f"{policy.path}: targets: no entry for the drill cluster (expected kube://rundrill)")


@dataclass(frozen=True)
class _Wanted:
    """All that shall be in the cluster."""

    manifests: list[Manifest]
    policy: Policy
    slug: str
    profile: Profile

    @property
    def generated(self) -> list[Manifest]:
        return monitoring.config_maps(self.policy, self.slug, self.profile)

    @property
    def digest(self) -> str:
        return digest_of([*self.manifests, *self.generated, {"every": str(self._backup_every)}])

    @property
    def _backup_every(self) -> timedelta:
        return self.profile.pace(self.profile.backup_every)

    def stands(self, kubectl: Kubectl) -> bool:
        """Whether the cluster was given exactly this, still has all of it, and it is ready."""
        kinds = ",".join(sorted({str(m["kind"]) for m in self.manifests}))
        live = {key(item): item for item in kubectl.items(f"{kinds},Secret", "--all-namespaces")}
        state: Any = live.get(("ConfigMap", _STATE[1], _STATE[0]), {})
        if state.get("data", {}).get("digest") != self.digest:
            return False
        configured = all(live.get(key(m), {}).get("data") == m["data"] for m in self.generated)
        there = all(key(m) in live for m in self.manifests)
        secrets = decoded(item for item in live.values() if item["kind"] == "Secret")
        return configured and there and _safe(secrets) and not unready(kubectl, self.manifests)

    def apply(self, kubectl: Kubectl, say: Progress) -> None:
        """Everything in place and ready, in an order in which nothing waits for what comes later."""
        namespaces = [m for m in self.manifests if m["kind"] == "Namespace"]
        kubectl.apply(namespaces)
        _choose_data_node(kubectl)
        secrets = read_secrets(kubectl, ("data-services", "microservices", "ai-services", "istio-system"))
        kubectl.apply(missing_credentials(secrets) or namespaces[:1])
        renewed = needs_renewal(_leaf(secrets), datetime.now(UTC))
        if renewed:
            kubectl.apply(_tls_objects(make_certificate()))
        say(f"{self.slug}: applying {len(self.manifests)} objects")
        kubectl.apply([*self.generated, *(self._scheduled(m, kubectl) for m in self.manifests)])
        if renewed and _leaf(secrets):
            kubectl.run("rollout", "restart", "daemonset/istio-ingressgateway", "--namespace=istio-system")
        wait_ready(kubectl, self.manifests, say, _READY_WITHIN)
        # Always, not only where they changed just now: an earlier run may have ended between the two.
        for config_map in self.generated:
            monitoring.reload(kubectl, config_map, say)

    def _scheduled(self, manifest: Manifest, kubectl: Kubectl) -> Manifest:
        if manifest["kind"] != "CronJob":
            return manifest
        _, namespace, name = key(manifest)
        live: Any = kubectl.items("cronjob", name, f"--namespace={namespace}")
        there = live[0]["spec"]["schedule"] if live else None
        spec: Any = manifest["spec"]
        return manifest | {"spec": spec | {"schedule": cron_of(self._backup_every, datetime.now(UTC), there)}}

    def remember(self, kubectl: Kubectl) -> None:
        """Write down what the cluster was given."""
        metadata = {"name": _STATE[0], "namespace": _STATE[1]}
        state: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
        kubectl.apply([state | {"data": {"digest": self.digest, "platform": self.slug}}])


def _choose_data_node(kubectl: Kubectl) -> None:
    """The node that keeps volumes: the first by name, unless one is chosen already."""
    nodes: Any = kubectl.items("nodes")
    if not any(DATA_LABEL in node["metadata"]["labels"] for node in nodes):
        first = min(node["metadata"]["name"] for node in nodes)
        kubectl.run("label", "node", first, f"{DATA_LABEL}=true")


def _safe(secrets: Values) -> bool:
    """Whether no Secret is missing and the certificate is good for a while."""
    return not missing_credentials(secrets) and not needs_renewal(_leaf(secrets), datetime.now(UTC))


def _leaf(secrets: Values) -> str:
    """The ingress's certificate; "" where there is none yet."""
    return secrets.get(("istio-system", "ingress-tls"), {}).get("tls.crt", "")


def _tls_objects(made: Certificate) -> list[Manifest]:
    pair = {"tls.crt": made.leaf, "tls.key": made.key}
    authority = {"ca.crt": made.authority}
    # The canary verifies the ingress from its own namespace.
    places = ({"name": "ingress-ca", "namespace": n} for n in ("istio-system", "monitoring"))
    maps: list[Manifest] = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": place, "data": authority} for place in places
    ]
    return [secret("istio-system", "ingress-tls", pair, "kubernetes.io/tls"), *maps]
