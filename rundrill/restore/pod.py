"""The scratch server as a pod beside the backup's claim, gone when the restore is over."""

import contextlib
import os
import secrets
import socket
import time
from collections.abc import Iterator
from datetime import timedelta

from rundrill.errors import NoEvidence
from rundrill.gateway.kubernetes import Json, Kube, NotFound
from rundrill.restore.claim import Mount, Server, mount_path
from rundrill.restore.scratch import START, Scratch
from rundrill.restore.shell import PodShell
from rundrill.target import BackupPlace

LABEL = "rundrill.dev/scratch"
RUNNER = "rundrill.dev/runner"
LIVES = timedelta(hours=2)
"""The pod ends by itself then, whatever became of whoever started it."""
STARTING = timedelta(seconds=90)
DIRECTORY = "/scratch"


def pod_body(name: str, place: BackupPlace, server: Server, mount: Mount | None) -> Json:
    """A pod of the live server's image on the claim's node: the claim is read-only, the cluster its own."""
    claim = {"claimName": place.claim, "readOnly": True}
    spec: Json = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": int(LIVES.total_seconds()),
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": server.security,
        "containers": [_container(name, place, server, mount)],
        "volumes": [
            {"name": "scratch", "emptyDir": {}},
            {"name": "backups", "persistentVolumeClaim": claim},
        ],
    }
    if mount:
        # A claim that one node mounts for writing cannot be mounted from another.
        spec["affinity"] = {
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": _only(mount.node)}
        }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": _metadata(name), "spec": spec}


@contextlib.contextmanager
def scratch_pod(kube: Kube, place: BackupPlace, server: Server, mount: Mount | None) -> Iterator[Scratch]:
    """A scratch server that is starting in a running pod; the pod is gone afterwards, on Ctrl-C too."""
    sweep(kube, place.namespace)
    name = f"rundrill-scratch-{secrets.token_hex(4)}"
    try:
        kube.create("v1/Pod", place.namespace, pod_body(name, place, server, mount))
        await_running(kube, place.namespace, name)
        yield Scratch(PodShell(kube, place.namespace, name, "postgresql"), DIRECTORY, name)
    finally:
        with contextlib.suppress(NotFound):
            kube.delete("v1/Pod", place.namespace, name, grace=1)


def await_running(kube: Kube, namespace: str, name: str) -> None:
    """Returns once the pod runs; NoEvidence with what holds it up where it does not in time."""
    deadline = time.monotonic() + STARTING.total_seconds()
    while True:
        status = kube.one("v1/Pod", namespace, name)["status"]
        if status.get("phase") == "Running":
            return
        if status.get("phase") in ("Failed", "Succeeded") or time.monotonic() > deadline:
            raise NoEvidence(f"scratch pod {namespace}/{name} does not run: {holdup(status)}")
        time.sleep(0.1)


def sweep(kube: Kube, namespace: str) -> tuple[str, ...]:
    """The names of the scratch pods of dead runs, which are removed."""
    left = [pod for pod in kube.items("v1/Pod", namespace, LABEL) if is_left_over(pod)]
    for pod in left:
        with contextlib.suppress(NotFound):
            kube.delete("v1/Pod", namespace, pod["metadata"]["name"], grace=1)
    return tuple(pod["metadata"]["name"] for pod in left)


def is_left_over(pod: Json) -> bool:
    """Whether a scratch pod has ended, or was started here by a process that is no more."""
    if pod["status"].get("phase") in ("Failed", "Succeeded"):
        return True
    host, _, process = pod["metadata"].get("annotations", {}).get(RUNNER, "").rpartition("/")
    return host == socket.gethostname() and process.isdigit() and not _alive(int(process))


def holdup(status: Json) -> str:
    """Why a pod does not run, as its status tells it."""
    states = [one.get("state", {}) for one in status.get("containerStatuses", ())]
    told = [what for state in states for what in (state.get("waiting") or state.get("terminated"),) if what]
    told += [
        one for one in status.get("conditions", ()) if one.get("status") == "False" and one.get("message")
    ]
    return "; ".join(f"{what.get('reason')}: {what.get('message', '')}".strip(": ") for what in told) or str(
        status.get("phase")
    )


def _container(name: str, place: BackupPlace, server: Server, mount: Mount | None) -> Json:
    narrow = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return {
        "name": "postgresql",
        "image": server.image,
        "imagePullPolicy": server.pull_policy,
        "command": ["sh", "-eu", "-c", START, "rundrill", name, DIRECTORY],
        "securityContext": server.container_security | narrow,
        # Said in full, because a namespace's quota may refuse a pod that says nothing, or its default be too small.
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}},
        "volumeMounts": [
            {"name": "scratch", "mountPath": DIRECTORY},
            {"name": "backups", "mountPath": mount_path(place, mount), "readOnly": True},
        ],
    }


def _metadata(name: str) -> Json:
    return {
        "name": name,
        # No label that a Service of the platform could select by.
        "labels": {"app.kubernetes.io/managed-by": "rundrill", LABEL: name},
        "annotations": {RUNNER: f"{socket.gethostname()}/{os.getpid()}"},
    }


def _only(node: str) -> Json:
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    return {"nodeSelectorTerms": [{"matchFields": [field]}]}


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
