"""kube-state: the state of nodes, workloads and CronJobs as metrics, read from the API server at each scrape."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from services.settings import Settings
from services.web import build, route

Item = Mapping[str, dict[str, object]]
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TIMEOUT_SECONDS = 5.0
_ONE_AT_A_TIME = threading.Lock()


@cache
def _connection() -> http.client.HTTPSConnection:
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
    context = ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt"))
    return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_SECONDS, context=context)


def listed(path: str) -> list[Item]:
    """The objects under this API path; OSError or HTTPException where the API server does not answer."""
    connection = _connection()
    try:
        token = (_ACCOUNT / "token").read_text()
        # resourceVersion=0 is answered from the API server's memory.
        connection.request("GET", f"{path}?resourceVersion=0", headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException):
        # The next request opens it anew.
        connection.close()
        raise
    if response.status != 200:
        raise http.client.HTTPException(f"{path}: {response.status}")
    items: list[Item] = json.loads(body)["items"] or []
    return items


def of_nodes(nodes: Iterable[Item]) -> Iterable[Metric]:
    """One sample a node, condition and possible status: 1 for the one that holds."""
    family = GaugeMetricFamily(
        "kube_node_status_condition", "Conditions of nodes.", labels=["node", "condition", "status"]
    )
    unschedulable = GaugeMetricFamily("kube_node_spec_unschedulable", "Cordoned nodes.", labels=["node"])
    for node in nodes:
        name = str(node["metadata"]["name"])
        unschedulable.add_metric([name], float(bool(node["spec"].get("unschedulable"))))
        for condition in _list(node["status"], "conditions"):
            for status in ("true", "false", "unknown"):
                holds = str(condition["status"]).lower() == status
                family.add_metric([name, str(condition["type"]), status], float(holds))
    return [family, unschedulable]


def of_workloads(kind: str, ready_field: str, items: Iterable[Item]) -> Iterable[Metric]:
    """Wanted and available replicas of each Deployment or StatefulSet."""
    labels = ["namespace", kind]
    wanted = GaugeMetricFamily(f"kube_{kind}_spec_replicas", "Replicas wanted.", labels=labels)
    suffix = "available" if kind == "deployment" else "ready"
    there = GaugeMetricFamily(f"kube_{kind}_status_replicas_{suffix}", "Replicas there.", labels=labels)
    for item in items:
        key = [str(item["metadata"]["namespace"]), str(item["metadata"]["name"])]
        wanted.add_metric(key, _number(item["spec"].get("replicas", 1)))
        there.add_metric(key, _number(item["status"].get(ready_field, 0)))
    return [wanted, there]


def of_pods(pods: Iterable[Item]) -> Iterable[Metric]:
    """Restarts of each container."""
    family = GaugeMetricFamily(
        "kube_pod_container_status_restarts_total",
        "Restarts of containers.",
        labels=["namespace", "pod", "container"],
    )
    for pod in pods:
        key = [str(pod["metadata"]["namespace"]), str(pod["metadata"]["name"])]
        for container in _list(pod["status"], "containerStatuses"):
            family.add_metric([*key, str(container["name"])], _number(container["restartCount"]))
    return [family]


def of_cronjobs(cronjobs: Iterable[Item]) -> Iterable[Metric]:
    """When each CronJob last succeeded; no sample for one that never did."""
    family = GaugeMetricFamily(
        "kube_cronjob_status_last_successful_time", "Unix time.", labels=["namespace", "cronjob"]
    )
    for job in cronjobs:
        last = job["status"].get("lastSuccessfulTime")
        if last:
            key = [str(job["metadata"]["namespace"]), str(job["metadata"]["name"])]
            family.add_metric(key, datetime.fromisoformat(str(last)).timestamp())
    return [family]


def _list(part: Mapping[str, object], name: str) -> list[dict[str, object]]:
    value = part.get(name) or []
    assert isinstance(value, list)
    return value


def _number(value: object) -> float:
    return float(str(value))


_SOURCES: tuple[tuple[str, Callable[[Iterable[Item]], Iterable[Metric]]], ...] = (
    ("/api/v1/nodes", of_nodes),
    ("/apis/apps/v1/deployments", lambda i: of_workloads("deployment", "availableReplicas", i)),
    ("/apis/apps/v1/statefulsets", lambda i: of_workloads("statefulset", "readyReplicas", i)),
    ("/api/v1/pods", of_pods),
    ("/apis/batch/v1/cronjobs", of_cronjobs),
)


class State(Collector):  # type: ignore[misc] # where its package is not installed
    """What the API server says at one moment."""

    def collect(self) -> Iterable[Metric]:
        """Every family; an exception where the API server does not answer, so that the scrape fails."""
        for path, families_of in _SOURCES:
            yield from families_of(listed(path))


def exposition() -> bytes:
    """The cluster's state in Prometheus's text format."""
    # auto_describe off: registering must not already ask the API server.
    registry = CollectorRegistry(auto_describe=False)
    registry.register(State())
    with _ONE_AT_A_TIME:
        return bytes(generate_latest(registry))


def application(settings: Settings) -> Starlette:
    """The exporter's web application: /metrics is the cluster's state."""

    async def metrics(_: Request) -> Response:
        return Response(await asyncio.to_thread(exposition), media_type=CONTENT_TYPE_LATEST)

    return build(settings, [route("/metrics", metrics, counted=False)])
