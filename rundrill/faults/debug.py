"""A debugging container joins running pods, as `kubectl debug --target` does it; only a new pod gets rid of it."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from rundrill import child, guard
from rundrill.errors import NoEvidence, UndoError
from rundrill.faults import selected
from rundrill.faults.begin import began, place
from rundrill.faults.selected import is_ready, running
from rundrill.gateway.kubernetes import Json, NotFound
from rundrill.session import Session
from rundrill.units import duration
from rundrill.waiting import until

NAME = "debugger"
BACK_WITHIN = timedelta(minutes=4)
GONE_WITHIN = timedelta(minutes=2)
_LIVES_S = "600"


def preview(session: Session, namespace: str, selector: str, count: int | None) -> guard.Preview:
    """The first running pods by name, as many as are asked for; all of them where nothing is said."""
    return selected.preview("debug", session, namespace, selector, count)


def join(
    namespace: str,
    selector: str,
    configuration: Mapping[str, Any],
    count: int | None = None,
    within: str = "60s",
) -> str:
    """What the debugging container saw of its target; NoEvidence where it did not start in time.

    Its image is the target's own, by which busybox is there: a cluster without a registry has no other.
    """
    session, space = place(configuration, namespace)
    chosen = preview(session, space, selector, count)
    guard.allow(session, chosen, configuration)
    pods = [pod for pod in running(session, space, selector) if pod["metadata"]["name"] in chosen.subjects]
    uids = [[pod["metadata"]["name"], pod["metadata"]["uid"]] for pod in pods]
    ready = sum(is_ready(pod) for pod in running(session, space, selector))
    with child.injecting("debug", {"namespace": space, "selector": selector, "pods": uids, "ready": ready}):
        began(f"debugging containers join {', '.join(chosen.subjects)}", "kubernetes", procedure=True)
        for pod in pods:
            _add(session, space, pod)
    names = chosen.subjects
    if not until(lambda: all(_runs(session, space, name) for name in names), duration(within)):
        raise NoEvidence(
            f"not every debugging container runs within {within}: {_states(session, space, names)}"
        )
    return "; ".join(_sees(session, space, name) for name in names)


def undo(session: Session, undo: Mapping[str, Any]) -> str:
    """What shows that other pods stand in for those that were joined, one after another, and as many are ready."""
    space, selector, wanted = str(undo["namespace"]), str(undo["selector"]), int(undo["ready"])
    for name, uid in undo["pods"]:
        joined = (str(name), str(uid))
        if _same(session, space, *joined):
            session.kube.delete("v1/Pod", space, joined[0])
        # A pod that is told to go is ready for as long as its grace lasts.
        if not until(partial(_is_gone, session, space, *joined), GONE_WITHIN):
            raise UndoError(f"{space}: {name} with a debugging container is still there")
        if not until(lambda: _back(session, space, selector, wanted), BACK_WITHIN):
            raise UndoError(f"{space}: fewer than {wanted} pods of {selector} are ready")
    return f"{len(undo['pods'])} pods of {space} were replaced; {wanted} are ready as before"


def _is_gone(session: Session, space: str, name: str, uid: str) -> bool:
    return not _same(session, space, name, uid)


def _add(session: Session, space: str, pod: Json) -> None:
    target = pod["spec"]["containers"][0]
    container = {
        "name": NAME,
        "image": target["image"],
        "imagePullPolicy": target.get("imagePullPolicy", "IfNotPresent"),
        "command": ["busybox", "sleep", _LIVES_S],
        "targetContainerName": target["name"],
    }
    session.kube.patch(
        "v1/Pod",
        space,
        pod["metadata"]["name"],
        {"spec": {"ephemeralContainers": [container]}},
        "strategic",
        "ephemeralcontainers",
    )


def _state(session: Session, space: str, name: str) -> Json:
    found = session.kube.one("v1/Pod", space, name)["status"].get("ephemeralContainerStatuses") or ()
    return next((dict(one.get("state") or {}) for one in found if one["name"] == NAME), {})


def _runs(session: Session, space: str, name: str) -> bool:
    return "running" in _state(session, space, name)


def _states(session: Session, space: str, names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {_state(session, space, name) or 'nothing yet'}" for name in names)


def _sees(session: Session, space: str, name: str) -> str:
    """The target's processes, by busybox's own list: that both share them is what --target asks for."""
    done = session.kube.exec(space, name, NAME, ["busybox", "ps", "-o", "pid,args"])
    lines = done.text.splitlines()
    if done.code or not any("services" in line or "java" in line for line in lines):
        raise NoEvidence(f"{space}/{name}: the debugging container does not see its target's processes")
    return f"{name}: {len(lines) - 1} processes seen from the debugging container"


def _same(session: Session, space: str, name: str, uid: str) -> bool:
    try:
        return bool(session.kube.one("v1/Pod", space, name)["metadata"]["uid"] == uid)
    except NotFound:
        return False


def _back(session: Session, space: str, selector: str, wanted: int) -> bool:
    return sum(is_ready(pod) for pod in running(session, space, selector)) >= wanted
