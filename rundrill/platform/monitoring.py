"""The monitoring's configuration, generated from the policy and taken up by the running servers."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from rundrill.cluster.provider import Progress
from rundrill.generate import alertmanager_config, prometheus_config, prometheus_rules
from rundrill.platform.cluster_client import Kubectl, KubectlFailed, Manifest
from rundrill.platform.workloads import wait_until
from rundrill.policy import Policy
from rundrill.profile import Profile

NAMESPACE = "monitoring"
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


def config_maps(policy: Policy, slug: str, profile: Profile) -> list[Manifest]:
    """The ConfigMaps of Prometheus and Alertmanager, as the policy asks for them."""
    return [
        _config_map(
            PROMETHEUS,
            {
                "prometheus.yml": prometheus_config(policy, slug, profile),
                "rules.yml": prometheus_rules(policy, slug, profile),
            },
        ),
        _config_map(ALERTMANAGER, {"alertmanager.yml": alertmanager_config(policy, slug, profile)}),
    ]


def _config_map(server: Server, texts: Mapping[str, str]) -> Manifest:
    metadata = {"name": server.config_map, "namespace": NAMESPACE, "labels": {"app": server.app}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(texts)}


def reload(kubectl: Kubectl, config_map: Manifest, say: Progress) -> None:
    """Make the running server read its new configuration; nothing of what it collected is lost."""
    server = PROMETHEUS if config_map["metadata"]["name"] == PROMETHEUS.config_map else ALERTMANAGER  # type: ignore[index]
    texts = config_map["data"]
    assert isinstance(texts, dict)
    nudge = hashlib.sha256(repr(sorted(texts.items())).encode()).hexdigest()[:16]
    # The kubelet refreshes a pod's volumes when the pod changes, or else about once a minute.
    selector = f"--selector=app={server.app}"
    kubectl.run(
        "annotate",
        "pod",
        f"--namespace={NAMESPACE}",
        selector,
        "--overwrite",
        f"rundrill.dev/configuration={nudge}",
    )
    wait_until(
        lambda: _arrived(kubectl, server, texts), f"{server.app}: configuration in its pod", _RELOADED_WITHIN
    )
    path = f"/api/v1/namespaces/{NAMESPACE}/services/{server.app}:{server.port}/proxy/-/reload"
    kubectl.run("create", f"--raw={path}", "--filename=-", stdin="")
    say(f"{server.app}: runs with the policy's configuration")


def _arrived(kubectl: Kubectl, server: Server, texts: Mapping[str, str]) -> bool:
    wanted = {
        f"{hashlib.sha256(text.encode()).hexdigest()}  {server.folder}/{name}" for name, text in texts.items()
    }
    where = ["exec", f"--namespace={NAMESPACE}", _pod(kubectl, server), f"--container={server.app}", "--"]
    try:
        found = kubectl.run(*where, "sha256sum", *(f"{server.folder}/{name}" for name in texts))
    except KubectlFailed:
        return False
    return wanted <= set(found.splitlines())


def _pod(kubectl: Kubectl, server: Server) -> str:
    names = kubectl.run(
        "get", "pods", f"--namespace={NAMESPACE}", f"--selector=app={server.app}", "--output=name"
    )
    return names.split()[0] if names.split() else "pod/none"
