"""The monitoring's configuration, generated from the policy and taken up by the running servers."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from rundrill.cluster.provider import Progress
from rundrill.generate import alertmanager_config, nobody_config, prometheus_config, prometheus_rules
from rundrill.generate.prometheus import no_rules
from rundrill.platform.cluster_client import Kubectl, KubectlFailed, Manifest
from rundrill.platform.manifests import SHARED_MONITORING, monitoring_of
from rundrill.platform.workloads import wait_until
from rundrill.policy import Policy
from rundrill.profile import Profile
from rundrill.target import ServiceAddress

_RELOADED_WITHIN = timedelta(seconds=90)


@dataclass(frozen=True)
class Server:
    """One server whose configuration is a ConfigMap of the same labels."""

    app: str
    config_map: str
    folder: str
    port: int


PROMETHEUS = Server("prometheus", "prometheus-config", "/etc/prometheus/policy", 9090)
ALERTMANAGER = Server("alertmanager", "alertmanager-config", "/etc/alertmanager/policy", 9093)


def config_maps(policy: Policy, slug: str, profile: Profile, namespaces: Sequence[str]) -> list[Manifest]:
    """The ConfigMaps of a platform's Prometheus and Alertmanager; without rules and routes where the policy has no runbook of it."""
    home = monitoring_of(slug)
    known = any(runbook.runbook == slug for runbook in policy.runbooks) and in_policy(policy, slug)
    alertmanager = ServiceAddress(service=f"{home}/{ALERTMANAGER.app}:{ALERTMANAGER.port}")
    prometheus = {
        "prometheus.yml": prometheus_config(alertmanager, profile, namespaces, SHARED_MONITORING),
        "rules.yml": prometheus_rules(policy, slug, profile) if known else no_rules(),
    }
    routes = alertmanager_config(policy, slug, profile) if known else nobody_config()
    return [
        _config_map(PROMETHEUS, home, prometheus),
        _config_map(ALERTMANAGER, home, {"alertmanager.yml": routes}),
    ]


def in_policy(policy: Policy, slug: str) -> bool:
    """Whether some target of the policy has that platform."""
    return any(slug in target.platforms for target in policy.targets.values())


def _config_map(server: Server, namespace: str, texts: Mapping[str, str]) -> Manifest:
    metadata = {"name": server.config_map, "namespace": namespace, "labels": {"app": server.app}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(texts)}


def reload(kubectl: Kubectl, slug: str, maps: Sequence[Manifest], say: Progress) -> None:
    """Make the running servers read their new configuration; nothing of what they collected is lost."""
    home = monitoring_of(slug)
    servers = [(server, _texts(m)) for server, m in zip((PROMETHEUS, ALERTMANAGER), maps, strict=True)]
    late = [(server, texts) for server, texts in servers if not _arrived(kubectl, home, server, texts)]
    for server, texts in late:
        _nudge(kubectl, home, server, texts)
    for server, texts in late:
        what = f"{home}/{server.app}: configuration in its pod"
        wait_until(lambda s=server, t=texts: _arrived(kubectl, home, s, t), what, _RELOADED_WITHIN)  # type: ignore[misc]
    # Always, not only where they changed just now: an earlier run may have ended between the two.
    for server, _ in servers:
        path = f"/api/v1/namespaces/{home}/services/{server.app}:{server.port}/proxy/-/reload"
        kubectl.run("create", f"--raw={path}", "--filename=-", stdin="")
    if late:
        say(f"{slug}: Prometheus and Alertmanager run with the policy's configuration")


def _texts(config_map: Manifest) -> Mapping[str, str]:
    texts = config_map["data"]
    assert isinstance(texts, dict)
    return texts


def _nudge(kubectl: Kubectl, home: str, server: Server, texts: Mapping[str, str]) -> None:
    """The kubelet refreshes a pod's volumes when the pod changes, or else about once a minute."""
    digest = hashlib.sha256(repr(sorted(texts.items())).encode()).hexdigest()[:16]
    words = ["annotate", "pod", f"--namespace={home}", f"--selector=app={server.app}", "--overwrite"]
    kubectl.run(*words, f"rundrill.dev/configuration={digest}")


def _arrived(kubectl: Kubectl, home: str, server: Server, texts: Mapping[str, str]) -> bool:
    wanted = {
        f"{hashlib.sha256(text.encode()).hexdigest()}  {server.folder}/{name}" for name, text in texts.items()
    }
    where = ["exec", f"--namespace={home}", _pod(kubectl, home, server), f"--container={server.app}", "--"]
    try:
        found = kubectl.run(*where, "sha256sum", *(f"{server.folder}/{name}" for name in texts))
    except KubectlFailed:
        return False
    return wanted <= set(found.splitlines())


def _pod(kubectl: Kubectl, home: str, server: Server) -> str:
    names = kubectl.run("get", "pods", f"--namespace={home}", f"--selector=app={server.app}", "--output=name")
    return names.split()[0] if names.split() else "pod/none"
