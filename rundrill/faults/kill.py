"""Pods are deleted, as a crash of their machine would take them: at once, without a word of farewell."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence, UndoError
from rundrill.faults.rollout import pods
from rundrill.gateway.kubernetes import Json, NotFound
from rundrill.session import Session
from rundrill.waiting import until

GONE_WITHIN = timedelta(seconds=40)
BACK_WITHIN = timedelta(minutes=4)


def preview(session: Session, api: str, namespace: str, workload: str, count: int) -> guard.Preview:
    """The first pods by name, as many as are asked for."""
    there = pods(session, namespace, session.kube.one(api, namespace, workload))
    names = tuple(str(pod["metadata"]["name"]) for pod in there)
    return guard.Preview("kill", namespace, f"{api.rpartition('/')[2]} {workload}", names[:count], len(names))


def kill_pods(
    namespace: str,
    workload: str,
    configuration: Mapping[str, Any],
    count: int = 1,
    api: str = "apps/v1/Deployment",
    grace_s: int = 0,
) -> str:
    """What showed that they are gone: no pod with their uids. `grace_s` is what they are given to end by themselves."""
    session = child.session()
    space = session.namespace(str(configuration["runbook"]), namespace)
    chosen = preview(session, api, space, workload, count)
    guard.allow(session, chosen, configuration)
    owner = session.kube.one(api, space, workload)
    uids = {
        str(pod["metadata"]["uid"])
        for pod in pods(session, space, owner)
        if pod["metadata"]["name"] in chosen.subjects
    }
    undo = {"api": api, "namespace": space, "workload": workload, "ready": ready_of(owner)}
    with child.injecting("kill", undo):
        began = datetime.now(UTC)
        hops.note(child.directory(), "injected", began, "kubernetes", f"deleted {', '.join(chosen.subjects)}")
        for name in chosen.subjects:
            session.kube.delete("v1/Pod", space, name, grace=grace_s)
    gone = until(lambda: not uids & _uids(session, space), GONE_WITHIN)
    if not gone:
        raise NoEvidence(f"{space}/{workload}: the pods are still there {GONE_WITHIN} after their deletion")
    proof = f"{len(uids)} of {chosen.of} pods of {space}/{workload} are gone, with their uids"
    hops.note(child.directory(), "fault_proven", datetime.now(UTC), "kubernetes", proof)
    return proof


def undo(session: Session, undo: Mapping[str, Any]) -> str:
    """What shows that the workload has as many ready pods as it had."""
    api, space, name, wanted = undo["api"], undo["namespace"], undo["workload"], int(undo["ready"])
    if not until(lambda: ready_of(session.kube.one(api, space, name)) >= wanted, BACK_WITHIN):
        now = ready_of(session.kube.one(api, space, name))
        raise UndoError(f"{space}/{name} has {now} ready pods {BACK_WITHIN} later, before it had {wanted}")
    return f"{space}/{name} has {wanted} ready pods again"


def ready_of(workload: Json) -> int:
    """How many ready pods its controller counts."""
    return int((workload.get("status") or {}).get("readyReplicas", 0))


def _uids(session: Session, namespace: str) -> set[str]:
    try:
        return {str(pod["metadata"]["uid"]) for pod in session.kube.items("v1/Pod", namespace)}
    except NotFound:
        return set()
