"""A node is drained as `kubectl drain --ignore-daemonsets --delete-emptydir-data` does it: cordoned, then evicted."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence, TargetError, UndoError
from rundrill.gateway.kubernetes import Conflict, Json, NotFound, Refused
from rundrill.session import Session
from rundrill.waiting import until

EMPTY_WITHIN = timedelta(minutes=5)
BACK_WITHIN = timedelta(minutes=5)
AGAIN = timedelta(seconds=1)
MIRROR = "kubernetes.io/config.mirror"
BUDGET_SAYS_NO = 429


def preview(session: Session, node: str) -> guard.Preview:
    """The node; its pods stand in the journal."""
    nodes = session.kube.items("v1/Node")
    return guard.Preview(
        "drain", None, f"node {node}, {len(_movable(session, node))} pods", (node,), len(nodes)
    )


def drain_node_of(namespace: str, workload: str, configuration: Mapping[str, Any] | None = None) -> str:
    """What showed that the node is empty; it is one that hosts a pod of that workload and allows drills."""
    session, drill = child.session(), child.directory()
    node = node_of(session, namespace, workload)
    guard.allow(session, preview(session, node), configuration)
    pods = _movable(session, node)
    with child.injecting("drain", {"node": node, "workloads": _workloads(session, pods)}):
        began = datetime.now(UTC)
        _cordon(session, node, True)
    hops.note(drill, "injected", began, "kubernetes", f"{node} cordoned")
    gone = until(lambda: _evicted(session, pods), EMPTY_WITHIN, AGAIN)
    if gone is None:
        raise NoEvidence(
            f"{node} still holds {len(_left(session, pods))} of {len(pods)} pods after {EMPTY_WITHIN}"
        )
    proof = f"{node} is cordoned and {len(pods)} pods with their uids are gone from it"
    # A procedure is timed from its beginning, not from the first thing that shows it.
    hops.note(drill, hops.PROCEDURE, began, "kubernetes")
    hops.note(drill, "fault_proven", began, "kubernetes", proof)
    return proof


def undo(session: Session, undo: Mapping[str, Any]) -> str:
    """What shows that the node takes pods again, and that every workload has as many ready ones as it had."""
    node = str(undo["node"])
    _cordon(session, node, False)
    wanted = [
        (str(api), str(namespace), str(name), int(ready)) for api, namespace, name, ready in undo["workloads"]
    ]
    if not until(lambda: not _short(session, wanted), BACK_WITHIN, AGAIN):
        raise UndoError(f"{node} is uncordoned, but not back: {', '.join(_short(session, wanted))}")
    if session.kube.one("v1/Node", None, node)["spec"].get("unschedulable"):
        raise UndoError(f"{node} is still cordoned")
    return f"{node} takes pods again; {len(wanted)} workloads have all their pods"


def node_of(session: Session, namespace: str, workload: str) -> str:
    """The first node by name that hosts a pod of the workload and allows drills."""
    hosts = {
        pod["spec"].get("nodeName") for pod in session.kube.items("v1/Pod", namespace, f"app={workload}")
    }
    allowed = {
        node["metadata"]["name"]
        for node in session.kube.items("v1/Node", None, f"{guard.LABEL}={guard.ALLOWED}")
    }
    found = sorted(str(host) for host in hosts & allowed)
    if not found:
        raise TargetError(
            f"no node that hosts {namespace}/{workload} carries the label {guard.LABEL}: {guard.ALLOWED}"
        )
    return found[0]


def _cordon(session: Session, node: str, cordoned: bool) -> None:
    session.kube.patch("v1/Node", None, node, {"spec": {"unschedulable": cordoned or None}})


def _movable(session: Session, node: str) -> list[Json]:
    """The pods that a drain evicts: no static ones, none of a DaemonSet, none that has ended."""
    pods = session.kube.get("/api/v1/pods", fieldSelector=f"spec.nodeName={node}")["items"]
    return [pod for pod in pods if not _stays(pod)]


def _stays(pod: Json) -> bool:
    owners = {owner["kind"] for owner in pod["metadata"].get("ownerReferences") or []}
    mirrored = MIRROR in (pod["metadata"].get("annotations") or {})
    return mirrored or "DaemonSet" in owners or pod["status"].get("phase") in ("Succeeded", "Failed")


def _evicted(session: Session, pods: list[Json]) -> bool | None:
    """Whether all are gone, after asking once more for each that is left; a budget may say no for a while."""
    left = _left(session, pods)
    for pod in left:
        if "deletionTimestamp" not in pod["metadata"]:
            _evict(session, pod)
    return True if not left else None


def _evict(session: Session, pod: Json) -> None:
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": namespace},
        "deleteOptions": {"preconditions": {"uid": pod["metadata"]["uid"]}},
    }
    try:
        session.kube.create("v1/Pod", namespace, body, name, "eviction")
    except (NotFound, Conflict):
        return  # gone by itself, or another pod under its name
    except Refused as refusal:
        if refusal.status != BUDGET_SAYS_NO:
            raise


def _left(session: Session, pods: list[Json]) -> list[Json]:
    wanted = {pod["metadata"]["uid"] for pod in pods}
    namespaces = sorted({pod["metadata"]["namespace"] for pod in pods})
    there = [pod for namespace in namespaces for pod in session.kube.items("v1/Pod", namespace)]
    return [pod for pod in there if pod["metadata"]["uid"] in wanted]


def _workloads(session: Session, pods: list[Json]) -> list[list[object]]:
    """Who owns these pods and how many ready ones each has now: [api, namespace, name, ready]."""
    found: dict[tuple[str, str, str], int] = {}
    for pod in pods:
        namespace = pod["metadata"]["namespace"]
        for owner in pod["metadata"].get("ownerReferences") or []:
            api, name = _top(session, namespace, owner)
            found[api, namespace, name] = _ready(session, api, namespace, name)
    return [[*key, ready] for key, ready in sorted(found.items())]


def _top(session: Session, namespace: str, owner: Json) -> tuple[str, str]:
    api, name = f"{owner['apiVersion']}/{owner['kind']}", str(owner["name"])
    if owner["kind"] != "ReplicaSet":
        return api, name
    above = session.kube.one(api, namespace, name)["metadata"].get("ownerReferences") or []
    return (f"{above[0]['apiVersion']}/{above[0]['kind']}", str(above[0]["name"])) if above else (api, name)


def _ready(session: Session, api: str, namespace: str, name: str) -> int:
    return int((session.kube.one(api, namespace, name).get("status") or {}).get("readyReplicas", 0))


def _short(session: Session, wanted: list[tuple[str, str, str, int]]) -> list[str]:
    return [
        f"{namespace}/{name}"
        for api, namespace, name, ready in wanted
        if _ready(session, api, namespace, name) < ready
    ]
