"""The running pods that a label selector picks, for faults that take some of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rundrill import guard
from rundrill.errors import TargetError, UndoError
from rundrill.gateway.kubernetes import Json, NotFound
from rundrill.session import Session
from rundrill.waiting import until

BACK_WITHIN = timedelta(minutes=4)
SURELY_WITHIN = timedelta(seconds=60)
"""As long nobody believes that fewer are wanted."""
EVERY = timedelta(seconds=1)
"""Several may wait for the same pods."""
TRY_S = 30


@dataclass(frozen=True)
class Picked:
    """What a fault takes of a selector's pods, seen and allowed by the guard."""

    namespace: str
    """The target's name of it."""
    selector: str
    pods: tuple[Json, ...]
    ready: int
    """How many pods of the selector were ready before anything changed."""

    @property
    def names(self) -> str:
        """The chosen pods, for a person."""
        return ", ".join(str(pod["metadata"]["name"]) for pod in self.pods)


def pick(
    session: Session,
    configuration: Mapping[str, Any],
    fault: str,
    where: tuple[str, str],
    count: int | None,
) -> Picked:
    """The pods of a runbook's namespace and a selector that the fault may take; TargetError where it may not."""
    space, selector = session.namespace(str(configuration["runbook"]), where[0]), where[1]
    chosen = preview(fault, session, space, selector, count)
    guard.allow(session, chosen, configuration)
    there = running(session, space, selector)
    pods = tuple(pod for pod in there if pod["metadata"]["name"] in chosen.subjects)
    return Picked(space, selector, pods, sum(is_ready(pod) for pod in there))


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


def await_ready(session: Session, namespace: str, selector: str, wanted: int) -> None:
    """Nothing once as many pods of the selector are ready; UndoError where they do not come to be.

    Where somebody wants fewer of them by now (an autoscaler), all that there are must be ready; where the namespace is gone, nothing is left.
    """

    def enough() -> bool:
        return sum(is_ready(pod) for pod in running(session, namespace, selector)) >= wanted

    def all_there_are() -> bool:
        pods = session.kube.items("v1/Pod", namespace, selector)
        left = [p for p in pods if p["status"].get("phase") not in ("Succeeded", "Failed")]
        return bool(left) and all(
            is_ready(pod) and "deletionTimestamp" not in pod["metadata"] for pod in left
        )

    if until(enough, SURELY_WITHIN, EVERY) or _is_gone(session, namespace):
        return
    if not until(lambda: enough() or all_there_are(), BACK_WITHIN, EVERY):
        now = sum(is_ready(pod) for pod in running(session, namespace, selector))
        raise UndoError(f"{namespace}: {now} pods of {selector} are ready, before it were {wanted}")


def _is_gone(session: Session, namespace: str) -> bool:
    try:
        session.kube.one("v1/Namespace", None, namespace)
    except NotFound:
        return True
    return False


def status_of(pod: Json, container: str | None) -> Json:
    """What the kubelet says of one container of a pod, the first where none is named; TargetError where there is none."""
    wanted = container or first_container(pod)
    for status in pod["status"].get("containerStatuses") or []:
        if status["name"] == wanted:
            found: Json = status
            return found
    raise TargetError(f"pod {pod['metadata']['name']} has no container {wanted!r} that runs")


def first_container(pod: Json) -> str:
    """The name of the container that is meant where none is named."""
    return str(pod["spec"]["containers"][0]["name"])


def heard(session: Session, pod: Json, container: str | None, script: str) -> tuple[int, str]:
    """How a shell script ended inside a pod as it is now, and all that it said."""
    meta, named = pod["metadata"], container or first_container(pod)
    done = session.kube.exec(meta["namespace"], meta["name"], named, ["sh", "-c", script], timeout=TRY_S)
    return done.code, (done.stdout + done.stderr).decode(errors="replace").strip()
