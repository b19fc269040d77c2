"""A rolling restart, as `kubectl rollout restart` does it: one annotation of the pod template changes."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence, UndoError
from rundrill.faults.rollout import pods, rollout
from rundrill.session import Session
from rundrill.waiting import until

STAMP = "kubectl.kubernetes.io/restartedAt"
BEGINS_WITHIN = timedelta(seconds=60)
BACK_WITHIN = timedelta(minutes=5)


def preview(session: Session, namespace: str, workload: str) -> guard.Preview:
    """The pods that are replaced: all of them, one after another."""
    deployment = session.kube.one("apps/v1/Deployment", namespace, workload)
    names = tuple(pod["metadata"]["name"] for pod in pods(session, namespace, deployment))
    return guard.Preview(
        "rolling restart", namespace, f"Deployment {workload}", names, len(names), at_once=False
    )


def restart(namespace: str, workload: str, configuration: Mapping[str, Any] | None = None) -> str:
    """What showed that the restart began: a pod that was not there before."""
    session, drill = child.session(), child.directory()
    guard.allow(session, preview(session, namespace, workload), configuration)
    deployment = session.kube.one("apps/v1/Deployment", namespace, workload)
    annotations = deployment["spec"]["template"]["metadata"].get("annotations") or {}
    before = rollout(session, namespace, workload)
    entry = {"namespace": namespace, "workload": workload, "stamp": annotations.get(STAMP)}
    with child.injecting("restart", entry | {"uids": sorted(before.uids)}):
        began = datetime.now(UTC)
        _stamp(session, namespace, workload, began.isoformat(timespec="seconds"))
    hops.note(drill, "injected", began, "kubernetes", f"{workload} told to restart")
    fresh = until(lambda: rollout(session, namespace, workload).uids - before.uids, BEGINS_WITHIN)
    if not fresh:
        raise NoEvidence(f"{namespace}/{workload}: no new pod within {BEGINS_WITHIN} of the restart")
    proof = f"{namespace}/{workload}: {len(before.uids)} pods to replace, the first new one is {min(fresh)}"
    # A procedure is timed from its beginning, not from the first thing that shows it.
    hops.note(drill, hops.PROCEDURE, began, "kubernetes")
    hops.note(drill, "fault_proven", began, "kubernetes", proof)
    return proof


def undo(session: Session, undo: Mapping[str, Any]) -> str:
    """What shows that every pod is new and available; a restart that hangs is taken back to the old template."""
    namespace, workload, before = undo["namespace"], undo["workload"], frozenset(undo["uids"])
    if _stamped(session, namespace, workload) == undo["stamp"]:
        # Its runner died between the ledger and the restart: pods that nobody replaces need no waiting for.
        return f"{namespace}/{workload} was never told to restart"
    done = until(lambda: _done(session, namespace, workload, before), BACK_WITHIN)
    if done is not None:
        return done
    _stamp(session, namespace, workload, undo["stamp"])
    if not until(lambda: rollout(session, namespace, workload).complete, BACK_WITHIN):
        raise UndoError(f"{namespace}/{workload} is neither restarted nor back at its old template")
    return f"{namespace}/{workload} did not finish its restart within {BACK_WITHIN} and was taken back"


def _done(session: Session, namespace: str, workload: str, before: frozenset[str]) -> str | None:
    now = rollout(session, namespace, workload)
    if not now.complete or now.uids & before:
        return None
    return f"{now.name}: {now.available} of {now.wanted} pods available, every uid is new"


def _stamped(session: Session, namespace: str, workload: str) -> str | None:
    template = session.kube.one("apps/v1/Deployment", namespace, workload)["spec"]["template"]
    stamp = (template["metadata"].get("annotations") or {}).get(STAMP)
    return None if stamp is None else str(stamp)


def _stamp(session: Session, namespace: str, workload: str, stamp: str | None) -> None:
    template = {"metadata": {"annotations": {STAMP: stamp}}}
    session.kube.patch("apps/v1/Deployment", namespace, workload, {"spec": {"template": template}})
