"""A Deployment loses all its pods."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence, UndoError
from rundrill.faults.proof import endpoints, first_refused, words
from rundrill.faults.rollout import pods
from rundrill.gateway.kubernetes import Json
from rundrill.session import Session
from rundrill.waiting import until

BITES_WITHIN = timedelta(seconds=30)
BACK_WITHIN = timedelta(minutes=3)


def preview(session: Session, namespace: str, workload: str) -> guard.Preview:
    """The pods that go: all that the Deployment wants."""
    deployment = session.kube.one("apps/v1/Deployment", namespace, workload)
    names = tuple(pod["metadata"]["name"] for pod in pods(session, namespace, deployment))
    return guard.Preview("scale to zero", namespace, f"Deployment {workload}", names, len(names))


def scale_to_zero(
    namespace: str, workload: str, seen_on: str, configuration: Mapping[str, Any] | None = None
) -> str:
    """What showed that no pod is left: no endpoint behind the service, and a user of that path who was refused."""
    session, drill = child.session(), child.directory()
    guard.allow(session, preview(session, namespace, workload), configuration)
    replicas = _replicas(session.kube.one("apps/v1/Deployment", namespace, workload))
    with child.injecting("scale", {"namespace": namespace, "workload": workload, "replicas": replicas}):
        injected = datetime.now(UTC)
        hops.note(drill, "injected", injected, "kubernetes", f"{workload} scaled from {replicas} to 0")
        _scale(session, namespace, workload, 0)
    proof = until(lambda: _bites(session, namespace, workload, seen_on, injected), BITES_WITHIN)
    if proof is None:
        raise NoEvidence(
            f"{workload}: users of {seen_on} are still answered {BITES_WITHIN} after scaling to zero"
        )
    hops.note(drill, "fault_proven", datetime.now(UTC), "crowd, endpoints", proof)
    return proof


def undo(session: Session, undo: Mapping[str, Any]) -> str:
    """What shows that the pods are back: as many ready replicas and endpoints as there were."""
    namespace, workload, replicas = undo["namespace"], undo["workload"], int(undo["replicas"])
    if _replicas(session.kube.one("apps/v1/Deployment", namespace, workload)) != replicas:
        _scale(session, namespace, workload, replicas)
    proof = until(lambda: _back(session, namespace, workload, replicas), BACK_WITHIN)
    if proof is None:
        raise UndoError(f"{namespace}/{workload} has not {replicas} ready replicas within {BACK_WITHIN}")
    return proof


def _bites(session: Session, namespace: str, workload: str, path: str, since: datetime) -> str | None:
    refused = first_refused(child.crowd(), path, since)
    if refused is None or endpoints(session.kube, namespace, workload) > 0:
        return None
    return f"no endpoint behind {namespace}/{workload}; {words(refused)}"


def _back(session: Session, namespace: str, workload: str, replicas: int) -> str | None:
    status = session.kube.one("apps/v1/Deployment", namespace, workload).get("status") or {}
    ready, behind = status.get("readyReplicas", 0), endpoints(session.kube, namespace, workload)
    if ready < replicas or behind < replicas:
        return None
    return f"{namespace}/{workload}: {ready} replicas ready, {behind} endpoints"


def _scale(session: Session, namespace: str, workload: str, replicas: int) -> None:
    session.kube.patch(
        "apps/v1/Deployment", namespace, workload, {"spec": {"replicas": replicas}}, subresource="scale"
    )


def _replicas(deployment: Json) -> int:
    return int(deployment["spec"].get("replicas", 1))
