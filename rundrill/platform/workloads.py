"""Whether everything that was applied is there and ready, and waiting until it is."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any

from rundrill.errors import TargetError
from rundrill.platform.cluster_client import Kubectl, KubectlFailed, Manifest
from rundrill.platform.manifests import key

KINDS = ("Deployment", "StatefulSet", "DaemonSet")
POLL = timedelta(seconds=1)


class NotReady(TargetError):
    """Workloads were not ready in time; the message names them."""


def live_workloads(kubectl: Kubectl) -> Mapping[tuple[str, str, str], Manifest]:
    """Every workload of the cluster as it is now."""
    return {key(item): item for item in kubectl.items(",".join(KINDS), "--all-namespaces")}


def unready(live: Mapping[tuple[str, str, str], Manifest], wanted: Iterable[Manifest]) -> list[str]:
    """The workloads that are missing, not as wanted, or not ready, as `namespace/name (why)`."""
    named = [m for m in wanted if m["kind"] in KINDS]
    faults = [(m, _fault(m, live.get(key(m)))) for m in named]
    return [f"{key(m)[1]}/{key(m)[2]} ({fault})" for m, fault in faults if fault]


def _fault(wanted: Any, live: Any) -> str | None:
    if live is None:
        return "missing"
    status = live["status"]
    if status.get("observedGeneration", 0) < live["metadata"]["generation"]:
        return "not seen yet"
    if wanted["kind"] == "DaemonSet":
        # One for each node, and no node is none of ours.
        count = asked = status["desiredNumberScheduled"] or 1
        updated, ready = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    else:
        # Where an autoscaler decides, the manifest says nothing, and none at all is no decision of it.
        asked = live["spec"]["replicas"]
        count = wanted["spec"].get("replicas", asked or 1)
        updated, ready = status.get("updatedReplicas", 0), status.get("readyReplicas", 0)
    if asked != count:
        return f"{asked} replicas instead of {count}"
    if ready < count:
        return f"{ready} of {count} ready"
    return None if updated >= count and status.get("replicas", count) <= count else "rolling out"


def stuck_containers(kubectl: Kubectl, namespaces: Collection[str]) -> dict[str, str]:
    """Containers that wait for something: `namespace/pod/container` -> why, such as CrashLoopBackOff."""
    pods: list[Any] = list(kubectl.items("pods", "--all-namespaces"))
    return {
        f"{pod['metadata']['namespace']}/{pod['metadata']['name']}/{status['name']}": reason
        for pod in pods
        for part in ("initContainerStatuses", "containerStatuses")
        for status in pod["status"].get(part, ())
        if pod["metadata"]["namespace"] in namespaces
        and (reason := status["state"].get("waiting", {}).get("reason"))
        and reason != "PodInitializing"
    }


def last_words(kubectl: Kubectl, where: str) -> str:
    """The last line that a container wrote before it ended, after a comma; "" where there is none."""
    namespace, pod, container = where.split("/")
    words = ["logs", pod, f"--namespace={namespace}", f"--container={container}", "--previous", "--tail=1"]
    try:
        said = kubectl.run(*words).strip()
    except KubectlFailed:
        return ""
    return f", after {said[:300]!r}" if said else ""


def wait_until(holds: Callable[[], bool], what: str, within: timedelta) -> None:
    """Return when it holds; NotReady naming it where that takes too long."""
    deadline = time.monotonic() + within.total_seconds()
    while not holds():
        if time.monotonic() > deadline:
            raise NotReady(f"{what}: not after {within.total_seconds():g} s")
        time.sleep(POLL.total_seconds() / 4)
