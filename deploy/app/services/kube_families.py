"""What objects of the Kubernetes API say of themselves, as samples under kube-state-metrics' names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

Item = Mapping[str, Any]
Sample = tuple[str, Mapping[str, str], float]
"""Name of the metric, labels, value."""

_SUFFIXES = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_SUFFIXES |= {f"{letter}i": 1024.0**power for power, letter in enumerate("KMGTPE", start=1)}
_PHASES = ("Pending", "Running", "Succeeded", "Failed", "Unknown")


def number(quantity: object) -> float:
    """A Kubernetes quantity in cores, bytes or pieces: 250m is 0.25, 64Mi is 67108864."""
    found = re.fullmatch(r"([0-9.]+(?:[eE][+-]?[0-9]+)?)([A-Za-z]*)", str(quantity))
    if not found or found[2] not in _SUFFIXES:
        raise ValueError(f"{quantity!r} is no quantity")
    return float(found[1]) * _SUFFIXES[found[2]]


def _place(item: Item, kind: str) -> dict[str, str]:
    metadata = item["metadata"]
    return {"namespace": metadata["namespace"], kind: metadata["name"]}


def of_node(node: Item) -> Iterator[Sample]:
    """Conditions (1 for the status that holds), whether it is cordoned, and what it can give."""
    name = {"node": node["metadata"]["name"]}
    yield "kube_node_spec_unschedulable", name, float(bool(node["spec"].get("unschedulable")))
    for condition in node["status"].get("conditions", ()):
        for status in ("true", "false", "unknown"):
            labels = name | {"condition": condition["type"], "status": status}
            yield "kube_node_status_condition", labels, float(condition["status"].lower() == status)
    for resource, quantity in node["status"].get("allocatable", {}).items():
        yield "kube_node_status_allocatable", name | {"resource": resource}, number(quantity)


def of_pod(pod: Item) -> Iterator[Sample]:
    """Phase, readiness, and of each container restarts, its last end, requests and limits."""
    place, status, node = _place(pod, "pod"), pod["status"], pod["spec"].get("nodeName", "")
    for phase in _PHASES:
        yield "kube_pod_status_phase", place | {"phase": phase}, float(status.get("phase") == phase)
    ready = next((c["status"] for c in status.get("conditions", ()) if c["type"] == "Ready"), "Unknown")
    for condition in ("true", "false", "unknown"):
        yield "kube_pod_status_ready", place | {"condition": condition}, float(ready.lower() == condition)
    for container in status.get("containerStatuses", ()):
        named = place | {"container": container["name"]}
        yield "kube_pod_container_status_restarts_total", named, float(container["restartCount"])
        if ended := container.get("lastState", {}).get("terminated"):
            labels = named | {"reason": ended.get("reason", "Unknown")}
            yield "kube_pod_container_status_last_terminated_reason", labels, 1.0
    for container in pod["spec"]["containers"]:
        for what in ("requests", "limits"):
            for resource, quantity in container.get("resources", {}).get(what, {}).items():
                labels = place | {"container": container["name"], "resource": resource, "node": node}
                yield f"kube_pod_container_resource_{what}", labels, number(quantity)


def requested(pods: Iterable[Item]) -> Iterator[Sample]:
    """What the running pods of each node ask for, summed up: what the scheduler counts."""
    total: dict[tuple[str, str], float] = {}
    for pod in pods:
        node = pod["spec"].get("nodeName")
        if node and pod["status"].get("phase") in ("Pending", "Running"):
            for container in pod["spec"]["containers"]:
                for resource, quantity in container.get("resources", {}).get("requests", {}).items():
                    total[node, resource] = total.get((node, resource), 0.0) + number(quantity)
    for (node, resource), value in total.items():
        yield "kube_node_status_requested", {"node": node, "resource": resource}, value


def _of_replicas(kind: str, suffix: str, field: str) -> Callable[[Item], Iterator[Sample]]:
    def samples(item: Item) -> Iterator[Sample]:
        place = _place(item, kind)
        yield f"kube_{kind}_spec_replicas", place, float(item["spec"].get("replicas", 1))
        yield f"kube_{kind}_status_replicas_{suffix}", place, float(item["status"].get(field, 0))

    return samples


def of_daemonset(item: Item) -> Iterator[Sample]:
    """How many pods there should be, and are ready."""
    place = _place(item, "daemonset")
    wanted, ready = item["status"]["desiredNumberScheduled"], item["status"].get("numberReady", 0)
    yield "kube_daemonset_status_desired_number_scheduled", place, float(wanted)
    yield "kube_daemonset_status_number_ready", place, float(ready)


def of_cronjob(item: Item) -> Iterator[Sample]:
    """When it last succeeded, in Unix time; no sample for one that never did."""
    if last := item["status"].get("lastSuccessfulTime"):
        when = datetime.fromisoformat(str(last)).timestamp()
        yield "kube_cronjob_status_last_successful_time", _place(item, "cronjob"), when


def of_job(item: Item) -> Iterator[Sample]:
    """How many of its pods ended well, and how many did not."""
    place = _place(item, "job_name")
    yield "kube_job_status_succeeded", place, float(item["status"].get("succeeded", 0))
    yield "kube_job_status_failed", place, float(item["status"].get("failed", 0))


def of_autoscaler(item: Item) -> Iterator[Sample]:
    """Its bounds, and the replicas that it sees and wants."""
    place, name = _place(item, "horizontalpodautoscaler"), "kube_horizontalpodautoscaler"
    yield f"{name}_spec_min_replicas", place, float(item["spec"].get("minReplicas", 1))
    yield f"{name}_spec_max_replicas", place, float(item["spec"]["maxReplicas"])
    yield f"{name}_status_current_replicas", place, float(item["status"].get("currentReplicas", 0))
    yield f"{name}_status_desired_replicas", place, float(item["status"].get("desiredReplicas", 0))


def of_quota(item: Item) -> Iterator[Sample]:
    """Each bound, and what of it is used."""
    place = _place(item, "resourcequota")
    for kind in ("hard", "used"):
        for resource, quantity in item["status"].get(kind, {}).items():
            yield "kube_resourcequota", place | {"resource": resource, "type": kind}, number(quantity)


SOURCES: Mapping[str, Callable[[Item], Iterator[Sample]]] = {
    "/api/v1/nodes": of_node,
    "/api/v1/pods": of_pod,
    "/api/v1/resourcequotas": of_quota,
    "/apis/apps/v1/deployments": _of_replicas("deployment", "available", "availableReplicas"),
    "/apis/apps/v1/statefulsets": _of_replicas("statefulset", "ready", "readyReplicas"),
    "/apis/apps/v1/daemonsets": of_daemonset,
    "/apis/batch/v1/cronjobs": of_cronjob,
    "/apis/batch/v1/jobs": of_job,
    "/apis/autoscaling/v2/horizontalpodautoscalers": of_autoscaler,
}
"""Path of a list in the API -> what each object of it says."""


def exposition(samples: Iterable[Sample]) -> str:
    """These samples in Prometheus's text format, those of a name together."""
    families: dict[str, list[str]] = {}
    for name, labels, value in samples:
        said = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        families.setdefault(name, []).append(f"{name}{{{said}}} {value:.15g}\n")
    return "".join(f"# TYPE {name} gauge\n{''.join(lines)}" for name, lines in families.items())


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
