"""What a platform's Prometheus scrapes: its own pods, and of what the cluster says only what is about them or the nodes."""

from collections.abc import Sequence
from datetime import timedelta

from rundrill.profile import Profile
from rundrill.units import duration_text

type Yaml = dict[str, object]


def scrape_configs(profile: Profile, namespaces: Sequence[str], shared: str) -> list[Yaml]:
    """Every scrape; whoever is slow to answer or has much to say is asked less often than the pods."""
    return [
        _pods(namespaces),
        _exporters(profile, namespaces),
        _nodes(profile, shared),
        _cluster_state(profile, namespaces, shared),
        # kube-state reads these once for every Prometheus: a kubelet's page has megabytes, and takes it half a second.
        _page("containers", "/containers", timedelta(seconds=10), profile, namespaces, shared),
        _page("volumes", "/volumes", timedelta(seconds=30), profile, namespaces, shared),
        _page("kubernetes-apiservers", "/api-server", timedelta(seconds=60), profile, namespaces, shared),
    ]


def _keep(regex: str, *labels: str) -> Yaml:
    sources = [f"__meta_kubernetes_{label}" for label in labels]
    return {"source_labels": sources, "regex": regex, "action": "keep"}


def _drop(regex: str, *labels: str) -> Yaml:
    return _keep(regex, *labels) | {"action": "drop"}


def _label(name: str, source: str) -> Yaml:
    return {"source_labels": [f"__meta_kubernetes_{source}"], "target_label": name}


_RUNNING_PODS = [
    _keep("true", "pod_annotation_prometheus_io_scrape"),
    _keep("Running", "pod_phase"),
    # A pod has one target, however many ports it declares: targets that are the same count once.
    {
        "source_labels": ["__meta_kubernetes_pod_ip", "__meta_kubernetes_pod_annotation_prometheus_io_port"],
        "separator": ":",
        "target_label": "__address__",
    },
]
_POD_LABELS = [
    _label("job", "pod_label_app"),
    _label("namespace", "namespace"),
    _label("pod", "pod_name"),
    _label("node", "pod_node_name"),
]
_SHARED = "kube-state|node-exporter"
_PORT = "pod_annotation_prometheus_io_port"
_EXPORTERS = "9187|9121|9308"
"""The ports that PostgreSQL's, Redis's and Kafka's exporters are known by."""


def _pods_of(*namespaces: str) -> list[Yaml]:
    """Pods of these namespaces only: Prometheus watches no others."""
    return [{"role": "pod", "namespaces": {"names": sorted(namespaces)}}]


def _pods(namespaces: Sequence[str]) -> Yaml:
    """Every running pod of the platform that asks for it by annotation; its job is its label `app`."""
    return {
        "job_name": "pods",
        "kubernetes_sd_configs": _pods_of(*namespaces),
        "relabel_configs": [
            *_RUNNING_PODS,
            _drop(_SHARED, "pod_label_app"),
            _drop(_EXPORTERS, _PORT),
            *_POD_LABELS,
        ],
    }


def _exporters(profile: Profile, namespaces: Sequence[str]) -> Yaml:
    """Servers that cannot speak for themselves: their exporters ask them anew each time, on a connection of its own."""
    return {
        "job_name": "exporters",
        **_slower(profile, timedelta(seconds=5)),
        "kubernetes_sd_configs": _pods_of(*namespaces),
        "relabel_configs": [*_RUNNING_PODS, _keep(_EXPORTERS, _PORT), *_POD_LABELS],
    }


def _nodes(profile: Profile, shared: str) -> Yaml:
    """The machine's own figures."""
    return {
        "job_name": "nodes",
        **_slower(profile, timedelta(seconds=5)),
        "kubernetes_sd_configs": _pods_of(shared),
        "relabel_configs": [*_RUNNING_PODS, _keep("node-exporter", "pod_label_app"), *_POD_LABELS],
    }


def _cluster_state(profile: Profile, namespaces: Sequence[str], shared: str) -> Yaml:
    """kube-state speaks of other pods and nodes, so its own labels win; it asks the API server each time, and needs some."""
    return {
        "job_name": "cluster-state",
        **_slower(profile, timedelta(seconds=5)),
        "honor_labels": True,
        "kubernetes_sd_configs": _pods_of(shared),
        "relabel_configs": [*_RUNNING_PODS, _keep("kube-state", "pod_label_app"), *_POD_LABELS],
        "metric_relabel_configs": [_about(namespaces, "kube_node_.*|process_.*")],
    }


def _page(
    job: str, path: str, least: timedelta, profile: Profile, namespaces: Sequence[str], shared: str
) -> Yaml:
    """What kubelets or the API server export about the platform, with the labels that they give it."""
    return {
        "job_name": job,
        **_slower(profile, least),
        "metrics_path": path,
        "params": {"namespace": sorted(namespaces)},
        "kubernetes_sd_configs": _pods_of(shared),
        "relabel_configs": [*_RUNNING_PODS, _keep("kube-state", "pod_label_app")],
    }


def _about(namespaces: Sequence[str], or_named: str = "") -> Yaml:
    """Keep what is about these namespaces, and series of those names."""
    regex = f".*;({'|'.join(sorted(namespaces))})" + (f"|({or_named});.*" if or_named else "")
    return {"source_labels": ["__name__", "namespace"], "regex": regex, "action": "keep"}


def _slower(profile: Profile, least: timedelta) -> Yaml:
    """A scrape that no profile makes more frequent than that; no alert waits for it."""
    interval = max(profile.pace(profile.scrape_interval), least)
    timeout = min(interval, timedelta(seconds=10))
    return {"scrape_interval": duration_text(interval), "scrape_timeout": duration_text(timeout)}
