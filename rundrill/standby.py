"""The undoer's Job: it stands in the cluster, ready, before the first fault of a run may begin."""

import base64
import contextlib
import io
import tarfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rundrill import lease, ledger
from rundrill.errors import TargetError
from rundrill.gateway.kubernetes import Conflict, Json, Kube, NotFound
from rundrill.lease import NAMESPACE, Holding
from rundrill.session import Session
from rundrill.waiting import until

ACCOUNT = "undoer"
IMAGE = "engine-image"
"""The ConfigMap in the namespace `rundrill` that names the image with our code: `rundrill up` writes it."""
READY_WITHIN = timedelta(seconds=90)
KEPT = timedelta(minutes=5)
"""How long a Job that has ended stays to be read."""
LABEL = "rundrill.dev/undoer"


def stand_ready(session: Session, run: str, pods: int = 2) -> str:
    """What stands by for the run: as many ready pods as asked for, on different nodes where there are several.

    TargetError where the target lacks the account (deploy/gameday) or the image, or none gets ready in time.
    """
    kube = session.kube
    image = engine_image(kube)
    policy = {
        "metadata": {"name": _name(run), "labels": {LABEL: run}},
        "binaryData": _packed(session.policy.path),
    }
    for api, body in (("v1/ConfigMap", policy), ("batch/v1/Job", _job(run, image, session.target.url, pods))):
        try:
            kube.create(api, NAMESPACE, body)
        except Conflict:
            continue
    ready = until(lambda: _ready(kube, run), READY_WITHIN)
    if not ready:
        raise TargetError(f"nothing stands by to undo run {run}: {_why_not(kube, run)}; no fault may begin")
    return f"{len(ready)} of {pods} undoers stand by: {', '.join(ready)}"


def stand_down(session: Session, run: str) -> None:
    """The policy's copy goes; the Job ends by itself once the run gave the Lease back, and is cleared away later."""
    try:
        session.kube.delete("v1/ConfigMap", NAMESPACE, _name(run))
    except NotFound:
        return


@contextlib.contextmanager
def at_work(
    session: Session, platforms: Iterable[str], say: Callable[[str], None] = lambda line: None
) -> Iterator[Holding]:
    """The Leases of these platforms are this run's, their pulse beats, and undoers stand by, while the context lasts.

    TargetError, and nothing is begun, where another run is at work on one of them, or nobody can stand by. What is
    given takes further platforms.
    """
    ledger.ensure_namespace(session.kube)
    holding = Holding(session.kube, session.run)
    try:
        holding.take(platforms, say)
        say(stand_ready(session, session.run))
        yield holding
    finally:
        holding.end()
        stand_down(session, session.run)


def check(session: Session, platforms: Iterable[str]) -> None:
    """Nothing where a fault of this run on these platforms would be undone without it; TargetError that says what is missing."""
    pulses = lease.read(session.kube)
    for slug in platforms:
        pulse = pulses.get(slug)
        if pulse is None or pulse.holder != session.run:
            raise TargetError(f"run {session.run} does not hold the Lease of {slug}: no fault may begin")
        if pulse.stopped:
            raise TargetError(f"the run was stopped: {pulse.stopped}")
        if datetime.now(UTC) - pulse.renewed > lease.DEAD_AFTER:
            raise TargetError(f"the pulse of run {session.run} has stopped: no fault may begin")
    if not _ready(session.kube, session.run):
        raise TargetError(f"nobody stands by to undo run {session.run}: no fault may begin")


def _name(run: str) -> str:
    return f"undoer-{run}"


def engine_image(kube: Kube) -> str:
    """The image with our code that the target was given; TargetError where it was given none."""
    try:
        return str(kube.one("v1/ConfigMap", NAMESPACE, IMAGE)["data"]["image"])
    except NotFound:
        raise TargetError(
            f"ConfigMap {NAMESPACE}/{IMAGE} is missing, which names the undoer's image:"
            " `rundrill up` makes it on a drill cluster, docs/operations.md tells how elsewhere"
        ) from None


def _packed(policy: Path) -> dict[str, str]:
    """slo.yaml and the files beside it that a policy may include, as one archive."""
    buffer, root = io.BytesIO(), policy.resolve().parent
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.add(policy, "slo.yaml")
        for folder in ("runbooks", "defects", "experiments", "loadtests"):
            for file in sorted((root / folder).glob("*.*")):
                archive.add(file, f"{folder}/{file.name}")
        for file in sorted(root.glob("*.yaml")):
            if file.resolve() != policy.resolve():
                archive.add(file, file.name)
    return {"policy.tar.gz": base64.b64encode(buffer.getvalue()).decode()}


def undoers(kube: Kube) -> dict[str, list[str]]:
    """Each run's undoers that are ready, by name."""
    found: dict[str, list[str]] = {}
    for pod in kube.items("v1/Pod", NAMESPACE, LABEL):
        if _is_ready(pod):
            found.setdefault(pod["metadata"]["labels"][LABEL], []).append(str(pod["metadata"]["name"]))
    return found


def _ready(kube: Kube, run: str) -> list[str]:
    """The nodes that an undoer is ready on."""
    pods = kube.items("v1/Pod", NAMESPACE, f"{LABEL}={run}")
    return sorted(str(pod["spec"].get("nodeName")) for pod in pods if _is_ready(pod))


def _is_ready(pod: Json) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return "deletionTimestamp" not in pod["metadata"] and any(
        one["type"] == "Ready" and one["status"] == "True" for one in conditions
    )


def _why_not(kube: Kube, run: str) -> str:
    """What the Job's pods or its events say, for a person."""
    pods = kube.items("v1/Pod", NAMESPACE, f"{LABEL}={run}")
    states: list[Any] = [s for pod in pods for s in (pod.get("status") or {}).get("containerStatuses") or []]
    if crashed := [said for state in states if (said := _last_words(state))]:
        return f"it ends with {crashed[0]!r} (an image older than the policy? `rundrill up` places a new one)"
    waiting = [
        s["state"]["waiting"].get("message") or s["state"]["waiting"]["reason"]
        for s in states
        if "waiting" in s["state"]
    ]
    if waiting:
        return str(waiting[0])
    if not pods:
        return f"the Job made no pods (is there an account {NAMESPACE}/{ACCOUNT}? see deploy/gameday)"
    return f"its {len(pods)} pods are not ready within {READY_WITHIN.total_seconds():g} s"


def _last_words(state: Json) -> str:
    """The last line that a container wrote before it failed; empty where it did not."""
    ended = (state.get("lastState") or {}).get("terminated") or {}
    lines = str(ended.get("message") or "").strip().splitlines()
    return lines[-1] if lines and ended.get("exitCode") else ""


def _job(run: str, image: str, target: str, pods: int) -> Json:
    labels = {LABEL: run}
    return {
        "metadata": {"name": _name(run), "labels": labels},
        "spec": {
            "parallelism": pods,
            # Killed pods come back: the Job gives up only after this many.
            "backoffLimit": 100,
            "ttlSecondsAfterFinished": int(KEPT.total_seconds()),
            "template": {"metadata": {"labels": labels}, "spec": _pod(run, image, target)},
        },
    }


def _pod(run: str, image: str, target: str) -> Json:
    words = ["--run", run, "--policy", "/policy/policy.tar.gz", "--target", target]
    container = {
        "name": "undoer",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["python3", "-m", "rundrill.undoer", *words],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        # Asked until it stands, and never again: each exec costs a node more than the pod itself.
        "startupProbe": {
            "exec": {"command": ["test", "-e", "/tmp/standing"]},
            "periodSeconds": 1,
            "failureThreshold": 120,
        },
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, {"name": "policy", "mountPath": "/policy"}],
    }
    return {
        "serviceAccountName": ACCOUNT,
        "restartPolicy": "OnFailure",
        "terminationGracePeriodSeconds": 2,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 993, "runAsGroup": 993},
        # A node that is drained or lost is no reason to leave: what it must undo may be just that.
        "tolerations": [{"operator": "Exists"}],
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {LABEL: run}},
            }
        ],
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "policy", "configMap": {"name": _name(run)}}],
    }
