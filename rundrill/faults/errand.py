"""A pod of ours does one thing with a workload's own image: a client, a throw-away shell, a restore beside the platform."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from rundrill import child, guard
from rundrill.errors import NoEvidence, UndoError
from rundrill.faults.begin import began, place
from rundrill.gateway.kubernetes import Json, NotFound
from rundrill.session import Session
from rundrill.units import duration
from rundrill.waiting import until

LABEL = "rundrill.dev/errand"
GONE_WITHIN = timedelta(seconds=60)
LIVES_S = 1200
"""It ends by itself then, whatever became of whoever sent it."""
_KINDS = {"Deployment": "apps/v1/Deployment", "StatefulSet": "apps/v1/StatefulSet"}


def preview(namespace: str, name: str) -> guard.Preview:
    """The one pod that is made."""
    return guard.Preview("errand", namespace, f"Pod {name}", (name,), 1, at_once=False)


def run(
    namespace: str,
    name: str,
    image_of: str,
    script: str,
    configuration: Mapping[str, Any],
    labels: Mapping[str, str] | None = None,
    claims: Mapping[str, str] | None = None,
    ends: bool = True,
    within: str = "60s",
    memory: str = "256Mi",
    procedure: bool = False,
) -> str:
    """What the pod wrote at its end, or that it runs; NoEvidence with its words where it failed or was late.

    `image_of` is `Kind/name` of the same namespace, or `namespace/Kind/name`; `claims` are mounted read-only where they say.
    """
    session, space = place(configuration, namespace)
    guard.allow(session, preview(space, name), configuration)
    like = _template(session, configuration, space, image_of)
    spec = _spec(like, name, script, claims or {}, memory)
    metadata = {"name": name, "namespace": space, "labels": {LABEL: name, **(labels or {})}}
    with child.injecting("errand", {"namespace": space, "name": name}):
        began(f"Pod {space}/{name} sent", "kubernetes", procedure)
        session.kube.create("v1/Pod", space, {"metadata": metadata, "spec": spec})
    return _came_to(session, space, name, "Succeeded" if ends else "Running", within)


def undo(session: Session, undo: Mapping[str, Any]) -> str:
    """What shows that the pod is gone."""
    space, name = str(undo["namespace"]), str(undo["name"])
    try:
        session.kube.delete("v1/Pod", space, name, grace=1)
    except NotFound:
        return f"Pod {space}/{name} is gone"
    if not until(lambda: _phase(session, space, name) is None, GONE_WITHIN):
        raise UndoError(f"Pod {space}/{name} does not go")
    return f"Pod {space}/{name} is gone"


def _template(session: Session, configuration: Mapping[str, Any], space: str, image_of: str) -> Json:
    *said, kind, name = image_of.split("/")
    where = place(configuration, said[0])[1] if said else space
    spec: Json = session.kube.one(_KINDS[kind], where, name)["spec"]["template"]["spec"]
    return spec


def _spec(like: Json, name: str, script: str, claims: Mapping[str, str], memory: str) -> Json:
    first = like["containers"][0]
    names = {claim: f"claim-{number}" for number, claim in enumerate(claims)}
    container = {
        "name": name,
        "image": first["image"],
        "imagePullPolicy": first.get("imagePullPolicy", "IfNotPresent"),
        "command": ["bash", "-c", script],
        "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": memory}},
        "volumeMounts": [
            {"name": "work", "mountPath": "/errand"},
            *({"name": names[claim], "mountPath": path, "readOnly": True} for claim, path in claims.items()),
        ],
    }
    return {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": LIVES_S,
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        "securityContext": like.get("securityContext") or {},
        "containers": [container],
        "volumes": [
            {"name": "work", "emptyDir": {}},
            *(
                {"name": names[claim], "persistentVolumeClaim": {"claimName": claim, "readOnly": True}}
                for claim in claims
            ),
        ],
    }


def _came_to(session: Session, space: str, name: str, wanted: str, within: str) -> str:
    ended = {wanted, "Succeeded", "Failed"}
    until(lambda: _phase(session, space, name) in ended, duration(within))
    phase = _phase(session, space, name)
    said = session.kube.logs(space, name, tail=40).strip() if phase in ended else ""
    if phase != wanted:
        raise NoEvidence(f"Pod {space}/{name} is {phase} after {within}, not {wanted}: {said[-300:]}")
    return f"{phase}: {said[-600:]}" if said else f"{phase}"


def _phase(session: Session, space: str, name: str) -> str | None:
    try:
        return str(session.kube.one("v1/Pod", space, name)["status"].get("phase"))
    except NotFound:
        return None
