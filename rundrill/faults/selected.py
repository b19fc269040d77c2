"""The running pods that a label selector picks, for faults that take some of them."""

from rundrill import guard
from rundrill.gateway.kubernetes import Json
from rundrill.session import Session


def preview(fault: str, session: Session, namespace: str, selector: str, count: int | None) -> guard.Preview:
    """The first running pods by name, as many as are asked for; all of them where nothing is said."""
    names = [str(pod["metadata"]["name"]) for pod in running(session, namespace, selector)]
    chosen = tuple(names if count is None else names[:count])
    return guard.Preview(fault, namespace, f"pods {selector}", chosen, len(names))


def running(session: Session, namespace: str, selector: str) -> list[Json]:
    """Those that run and are not on their way out, by name."""
    found = session.kube.items("v1/Pod", namespace, selector)
    alive = [
        pod
        for pod in found
        if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]
    ]
    return sorted(alive, key=lambda pod: str(pod["metadata"]["name"]))


def is_ready(pod: Json) -> bool:
    """Whether the kubelet calls the pod ready."""
    conditions = pod["status"].get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
