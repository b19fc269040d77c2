"""Workloads: wanted, ready, restarted, how old."""

from datetime import UTC, datetime, timedelta
from typing import Any

from rundrill.asking import StateAnswer, answered
from rundrill.evidence import Reading, StateSeen, Value
from rundrill.listing import full_name, listed
from rundrill.probe import WorkloadProbe
from rundrill.session import Session

type Json = dict[str, Any]

LATELY = timedelta(hours=1)
_APIS = {kind: f"apps/v1/{kind}" for kind in ("Deployment", "StatefulSet", "DaemonSet")} | {"Pod": "v1/Pod"}


def see_workloads(probe: WorkloadProbe, session: Session, slug: str) -> StateAnswer:
    """A reading of each workload; pods that ran to their end are not looked at."""
    namespace = session.namespace(slug, probe.namespace) if probe.namespace else None
    selector = probe.selector or ""
    found = listed(session, _APIS[probe.kind], namespace, selector)
    if probe.names:
        found = [one for one in found if one["metadata"]["name"] in probe.names]
    living = [one for one in found if one.get("status", {}).get("phase") != "Succeeded"]
    pods = living if probe.kind == "Pod" else listed(session, "v1/Pod", namespace)
    now = datetime.now(UTC)
    readings = [Reading(full_name(one), _facts(one, pods, now)) for one in living]
    there = {one["metadata"]["name"] for one in living}
    gone = [Reading(_full(namespace, name), {"found": False}) for name in probe.names if name not in there]
    asked = f"{probe.kind} in {namespace or 'all namespaces'} {selector} {' '.join(probe.names)}".strip()
    return StateSeen((*readings, *gone)), (answered("kubernetes", asked, living),)


def _facts(one: Json, pods: list[Json], now: datetime) -> dict[str, Value]:
    of_it = [one] if one["kind"] == "Pod" else [pod for pod in pods if _selects(one, pod)]
    facts: dict[str, Value] = {
        "found": True,
        "kind": str(one["kind"]),
        "restarts": sum(_restarts(pod, now) for pod in of_it),
        "age": (now - datetime.fromisoformat(one["metadata"]["creationTimestamp"])).total_seconds(),
        "image": ", ".join(container["image"] for container in _pod_spec(one)["containers"]),
    }
    return facts | _replicas(one)


def _replicas(one: Json) -> dict[str, Value]:
    """Wanted and ready; no `ready` while the status is older than the wish, since then it tells of the past."""
    spec, status = one["spec"], one.get("status") or {}
    if one["kind"] == "Pod":
        conditions = {condition["type"]: condition["status"] for condition in status.get("conditions") or ()}
        ready = conditions.get("Ready") == "True" and "deletionTimestamp" not in one["metadata"]
        return {"replicas": 1, "ready": int(ready), "phase": status.get("phase")}
    if status.get("observedGeneration", 0) < one["metadata"].get("generation", 0):
        return {"replicas": spec.get("replicas")} if "replicas" in spec else {}
    if one["kind"] == "DaemonSet":
        return {"replicas": status.get("desiredNumberScheduled", 0), "ready": status.get("numberReady", 0)}
    return {"replicas": spec.get("replicas", 1), "ready": status.get("readyReplicas", 0)}


def _restarts(pod: Json, now: datetime) -> int:
    """Restarts of the last hour. Kubernetes dates only the newest: if that one was lately, all of them count."""
    count = 0
    for container in pod.get("status", {}).get("containerStatuses") or ():
        ended = (container.get("lastState", {}).get("terminated") or {}).get("finishedAt")
        lately = ended is None or now - datetime.fromisoformat(ended) < LATELY
        count += int(container.get("restartCount", 0)) if lately else 0
    return count


def _selects(workload: Json, pod: Json) -> bool:
    if workload["metadata"]["namespace"] != pod["metadata"]["namespace"]:
        return False
    labels = pod["metadata"].get("labels") or {}
    wanted = (workload["spec"].get("selector") or {}).get("matchLabels") or {}
    return bool(wanted) and all(labels.get(name) == value for name, value in wanted.items())


def _pod_spec(one: Json) -> Json:
    spec: Json = one["spec"] if one["kind"] == "Pod" else one["spec"]["template"]["spec"]
    return spec


def _full(namespace: str | None, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name
