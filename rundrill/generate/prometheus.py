"""Prometheus: what it scrapes, how often, and the alerting rules, all in the profile's time."""

from datetime import timedelta

from rundrill import promql
from rundrill.feasible import scrape_timeout
from rundrill.policy import Policy
from rundrill.profile import Profile
from rundrill.promise import Alert, Promise
from rundrill.reading import yaml_text
from rundrill.target import ServiceAddress
from rundrill.units import duration_text

type Yaml = dict[str, object]

RULES_FILE = "rules.yml"
"""Beside the configuration."""
_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


def prometheus_config(policy: Policy, slug: str, profile: Profile) -> str:
    """prometheus.yml for that runbook's platform."""
    interval = profile.pace(profile.scrape_interval)
    return yaml_text(
        {
            "global": {
                "scrape_interval": duration_text(interval),
                "scrape_timeout": duration_text(scrape_timeout(profile)),
                "evaluation_interval": duration_text(profile.pace(profile.evaluation_interval)),
            },
            "rule_files": [RULES_FILE],
            "alerting": {"alertmanagers": [_alertmanagers(policy.platform(slug).alertmanager)]},
            "scrape_configs": [_pods(), _cluster_state(profile), _api_server(profile), _containers(profile)],
        }
    )


def prometheus_rules(policy: Policy, slug: str, profile: Profile) -> str:
    """rules.yml: one rule for each alert of that runbook that has a condition."""
    runbook = policy.runbook(slug)
    rules = [
        _rule(promise, promise.alert, slug, profile)
        for promise in runbook.promises
        if promise.alert and promise.alert.when
    ]
    interval = duration_text(profile.pace(profile.evaluation_interval))
    return yaml_text({"groups": [{"name": slug, "interval": interval, "rules": rules}]})


def rule_expression(alert: Alert, profile: Profile) -> str:
    """The alert's condition as Prometheus gets it: every range and offset in the profile's time."""
    return promql.with_times(alert.when or "", profile.pace)


def _rule(promise: Promise, alert: Alert, slug: str, profile: Profile) -> Yaml:
    return {
        "alert": promise.alert_name,
        "expr": rule_expression(alert, profile),
        "for": duration_text(profile.pace(alert.for_ or timedelta(0))),
        "labels": {"severity": alert.severity, "promise": promise.id, "runbook": slug},
        "annotations": {"summary": promise.says, "source": promise.source},
    }


def _alertmanagers(address: ServiceAddress) -> Yaml:
    return {"scheme": address.scheme, "static_configs": [{"targets": [host_of(address)]}]}


def host_of(address: ServiceAddress) -> str:
    """The address as the cluster's DNS knows it: `monitoring/witness:8070` is `witness.monitoring:8070`."""
    namespace, _, rest = address.service.partition("/")
    name, _, port = rest.partition(":")
    return f"{name}.{namespace}:{port}"


def _keep(regex: str, *labels: str) -> Yaml:
    sources = [f"__meta_kubernetes_{label}" for label in labels]
    return {"source_labels": sources, "regex": regex, "action": "keep"}


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
_STATE_OF_CLUSTER: Yaml = {"source_labels": ["__meta_kubernetes_pod_label_app"], "regex": "kube-state"}


def _pods() -> Yaml:
    """Every running pod that asks for it by annotation; its job is its label `app`."""
    return {
        "job_name": "pods",
        "kubernetes_sd_configs": [{"role": "pod"}],
        "relabel_configs": [*_RUNNING_PODS, _STATE_OF_CLUSTER | {"action": "drop"}, *_POD_LABELS],
    }


def _cluster_state(profile: Profile) -> Yaml:
    """kube-state speaks of other pods and nodes, so its own labels win; it asks the API server each time, and needs some."""
    return {
        "job_name": "cluster-state",
        **_slower(profile, timedelta(seconds=5)),
        "honor_labels": True,
        "kubernetes_sd_configs": [{"role": "pod"}],
        "relabel_configs": [*_RUNNING_PODS, _STATE_OF_CLUSTER | {"action": "keep"}, *_POD_LABELS],
    }


def _api_server(profile: Profile) -> Yaml:
    """The API server exports some hundred thousand series; only these few are asked for, and not often."""
    return {
        "job_name": "kubernetes-apiservers",
        "scheme": "https",
        **_slower(profile, timedelta(seconds=30)),
        "tls_config": {"ca_file": f"{_ACCOUNT}/ca.crt"},
        "authorization": {"credentials_file": f"{_ACCOUNT}/token"},
        "kubernetes_sd_configs": [{"role": "endpoints", "namespaces": {"names": ["default"]}}],
        "relabel_configs": [_keep("kubernetes;https", "service_name", "endpoint_port_name")],
        "metric_relabel_configs": [
            _only("apiserver_request_total|apiserver_current_inflight_requests|process_.*")
        ],
    }


def _containers(profile: Profile) -> Yaml:
    """CPU and memory of containers, from the kubelets."""
    return {
        "job_name": "containers",
        "scheme": "https",
        **_slower(profile, timedelta(seconds=10)),
        "metrics_path": "/metrics/cadvisor",
        # A kubelet's serving certificate is its own work.
        "tls_config": {"insecure_skip_verify": True},
        "authorization": {"credentials_file": f"{_ACCOUNT}/token"},
        "kubernetes_sd_configs": [{"role": "node"}],
        "relabel_configs": [_label("node", "node_name")],
        "metric_relabel_configs": [
            _only("container_(cpu_usage_seconds_total|memory_working_set_bytes|spec_memory_limit_bytes)"),
            {"source_labels": ["container"], "regex": "", "action": "drop"},
        ],
    }


def _slower(profile: Profile, least: timedelta) -> Yaml:
    """A scrape that no profile makes more frequent than that; no alert waits for it."""
    interval = max(profile.pace(profile.scrape_interval), least)
    timeout = min(interval, timedelta(seconds=10))
    return {"scrape_interval": duration_text(interval), "scrape_timeout": duration_text(timeout)}


def _only(names: str) -> Yaml:
    return {"source_labels": ["__name__"], "regex": names, "action": "keep"}
