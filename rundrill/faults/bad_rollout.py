"""A release that cannot start: its container exits at once, or its image is nowhere. Undone as any change is, by the former template."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence, TargetError
from rundrill.faults import change
from rundrill.faults.begin import began, place
from rundrill.faults.rollout import pods
from rundrill.gateway.kubernetes import Json
from rundrill.session import Session
from rundrill.waiting import until

BITES_WITHIN = timedelta(seconds=90)
NOWHERE = "rundrill.invalid/no-such-image:0"
"""Nobody answers under that name (RFC 2606)."""
CRASHES = 2
"""Ends after which it counts as a loop."""
_EXIT = ["sh", "-c", "echo 'a bad release' >&2; exit 1"]
_NO_IMAGE = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")


def preview(session: Session, api: str, namespace: str, workload: str) -> guard.Preview:
    """The pods that the roll-out would replace, as far as it gets."""
    return change.preview(session, api, namespace, workload, {})


def crash_loop(
    namespace: str,
    workload: str,
    configuration: Mapping[str, Any],
    container: str | None = None,
    api: str = "apps/v1/Deployment",
) -> str:
    """What showed the loop: a container of a new pod that ended again and again, by the kubelet's own count."""
    told = {"command": _EXIT, "args": None}
    return _release((api, namespace, workload), configuration, container, told, _crashes)


def missing_image(
    namespace: str,
    workload: str,
    configuration: Mapping[str, Any],
    image: str = NOWHERE,
    container: str | None = None,
    api: str = "apps/v1/Deployment",
) -> str:
    """What showed that it does not pull: a container of a new pod that waits for its image."""
    told = {"image": image, "imagePullPolicy": "IfNotPresent"}
    return _release((api, namespace, workload), configuration, container, told, _waits_for_image)


def _release(
    what: tuple[str, str, str],
    configuration: Mapping[str, Any],
    container: str | None,
    told: Mapping[str, Any],
    look: Callable[[Json], str | None],
) -> str:
    api, namespace, workload = what
    session, space = place(configuration, namespace)
    guard.allow(session, preview(session, api, space, workload), configuration)
    there = session.kube.one(api, space, workload)
    before = {str(pod["metadata"]["uid"]) for pod in pods(session, space, there)}
    undo = change.undo_of(session, api, there, _template(there["spec"]["template"]["spec"]["containers"]))
    with child.injecting("change", undo):
        began(f"{api.rpartition('/')[2]} {space}/{workload}: a bad release", "kubernetes", procedure=False)
        session.kube.patch(api, space, workload, _template(_changed(there, container, told)))

    def seen() -> str | None:
        new = [pod for pod in pods(session, space, there) if pod["metadata"]["uid"] not in before]
        return next((said for pod in new if (said := look(pod))), None)

    found = until(seen, BITES_WITHIN)
    if found is None:
        raise NoEvidence(f"{space}/{workload}: no new pod fails {BITES_WITHIN} after the bad release")
    hops.note(child.directory(), "fault_proven", datetime.now(UTC), "kubelet", found)
    return found


def _changed(there: Json, container: str | None, told: Mapping[str, Any]) -> list[Json]:
    containers: list[Json] = there["spec"]["template"]["spec"]["containers"]
    wanted = container or containers[0]["name"]
    if wanted not in [one["name"] for one in containers]:
        raise TargetError(f"{there['metadata']['name']} has no container {wanted!r}")
    return [
        {
            key: value
            for key, value in ({**one, **told} if one["name"] == wanted else one).items()
            if value is not None
        }
        for one in containers
    ]


def _template(containers: list[Json]) -> Json:
    return {"spec": {"template": {"spec": {"containers": containers}}}}


def _crashes(pod: Json) -> str | None:
    for status in pod["status"].get("containerStatuses") or []:
        waiting = (status.get("state") or {}).get("waiting") or {}
        if status.get("restartCount", 0) >= CRASHES or waiting.get("reason") == "CrashLoopBackOff":
            times = status.get("restartCount", 0)
            return f"{pod['metadata']['name']}: {status['name']} crashes, restarted {times} times"
    return None


def _waits_for_image(pod: Json) -> str | None:
    for status in pod["status"].get("containerStatuses") or []:
        waiting = (status.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in _NO_IMAGE:
            return f"{pod['metadata']['name']}: {status['name']} waits: {waiting['reason']}"
    return None
