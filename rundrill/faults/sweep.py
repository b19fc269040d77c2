"""Evicted pods are swept away by why they ended, never by a word in a list of all pods."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence, UndoError
from rundrill.faults import change
from rundrill.gateway.kubernetes import Json
from rundrill.session import Session
from rundrill.waiting import until

EVICTED_WITHIN = timedelta(minutes=3)
"""The kubelet looks at what pods have written every ten seconds, and measures it less often."""
GONE_WITHIN = timedelta(seconds=40)


def preview(session: Session, namespace: str) -> guard.Preview:
    """The evicted pods of the namespace, of all that are there; none of them serves anybody."""
    there = session.kube.items("v1/Pod", namespace)
    names = tuple(_name(pod) for pod in there if _evicted(pod))
    return guard.Preview("sweep", namespace, "evicted pods", names, len(there), at_once=False)


def have_one_evicted(namespace: str, name: str, image_of: str, configuration: Mapping[str, Any]) -> str:
    """What showed that the kubelet evicted a pod of ours: its own word. It filled more of its disk than it may."""
    session = child.session()
    space = session.namespace(str(configuration["runbook"]), namespace)
    template = session.kube.one("apps/v1/Deployment", space, image_of)["spec"]["template"]["spec"]
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": _greedy(template["containers"][0]["image"]),
    }
    change.create(manifest, configuration)
    if not until(lambda: _evicted(session.kube.one("v1/Pod", space, name)), EVICTED_WITHIN):
        raise NoEvidence(f"{space}/{name} was not evicted within {EVICTED_WITHIN}")
    why = str(session.kube.one("v1/Pod", space, name)["status"].get("message"))
    return f"{space}/{name} is evicted: {why}"


def evicted(namespace: str, configuration: Mapping[str, Any]) -> str:
    """What showed that they are gone, and that no other pod is; timed as a procedure."""
    session = child.session()
    space = session.namespace(str(configuration["runbook"]), namespace)
    before = session.kube.items("v1/Pod", space)
    guard.allow(session, preview(session, space), configuration)
    swept = {_uid(pod): _name(pod) for pod in before if _evicted(pod)}
    kept = {_uid(pod): _name(pod) for pod in before if not _evicted(pod) and _lives(pod)}
    with child.injecting("sweep", {"namespace": space, "uids": sorted(swept)}):
        now, drill = datetime.now(UTC), child.directory()
        hops.note(drill, "injected", now, "kubernetes", f"sweeping {', '.join(swept.values())}")
        hops.note(drill, hops.PROCEDURE, now, "kubernetes")
        hops.note(drill, "fault_proven", now, "kubernetes", f"{len(swept)} evicted pods to delete")
        for name in swept.values():
            session.kube.delete("v1/Pod", space, name)
    if not until(lambda: not swept.keys() & _uids(session, space), GONE_WITHIN):
        raise NoEvidence(f"{space}: evicted pods are still there {GONE_WITHIN} after their deletion")
    if lost := sorted(kept[uid] for uid in kept.keys() - _uids(session, space)):
        raise NoEvidence(f"{space}: {', '.join(lost)} went too")
    return f"{len(swept)} evicted pods are gone, {len(kept)} others are all there"


def undo(session: Session, undo: Mapping[str, Any]) -> str:
    """That there is nothing to bring back: what was evicted runs no more."""
    left = frozenset(undo["uids"]) & _uids(session, str(undo["namespace"]))
    for pod in session.kube.items("v1/Pod", str(undo["namespace"])):
        if _uid(pod) in left and not _evicted(pod):
            raise UndoError(f"{undo['namespace']}/{_name(pod)} was to be swept, and was not evicted")
    return f"{len(undo['uids'])} evicted pods were swept; nothing is to be brought back"


def _greedy(image: str) -> Json:
    """A pod that writes more than the mebibyte that its volume may hold."""
    container = {
        "name": "greedy",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", "head -c 16M /dev/zero >/scratch/fill; sleep 600"],
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
    }
    return {
        "automountServiceAccountToken": False,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
        "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "1Mi"}}],
    }


def _evicted(pod: Json) -> bool:
    return bool(pod["status"].get("phase") == "Failed" and pod["status"].get("reason") == "Evicted")


def _lives(pod: Json) -> bool:
    """Whether it is to stay: not on its way out, and no Job's, whose controller clears away by itself."""
    owners = {owner["kind"] for owner in pod["metadata"].get("ownerReferences") or []}
    return "deletionTimestamp" not in pod["metadata"] and "Job" not in owners


def _uids(session: Session, namespace: str) -> set[str]:
    return {_uid(pod) for pod in session.kube.items("v1/Pod", namespace)}


def _uid(pod: Json) -> str:
    return str(pod["metadata"]["uid"])


def _name(pod: Json) -> str:
    return str(pod["metadata"]["name"])
