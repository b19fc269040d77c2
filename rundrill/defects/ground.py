"""The scratch pod that forms are run in: no token, no names, no network policy that lets it out; gone when that is over."""

import contextlib
import json
import os
import secrets
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from typing import Any

from rundrill.errors import NoEvidence, TargetError
from rundrill.gateway.kubernetes import Json, Kube, NotFound
from rundrill.restore.pod import LABEL, RUNNER, await_running, is_left_over

BASE = "rundrill.dev/base"
CONTAINER = "ground"
USER = 990
"""A user that the image knows, as PostgreSQL wants it; never root."""
LIVES = timedelta(hours=1)
ITS_OWN_WORK = timedelta(seconds=120)
"""What starting servers and the given script may take beyond the form itself."""
RUNNER_FILE = "/scratch/inside.py"
_TEMPLATE = f"""
cat >{RUNNER_FILE}
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
initdb -D /scratch/template -U postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync >/scratch/initdb.log
"""


@dataclass(frozen=True)
class Ground:
    """A running scratch pod, and the image that it is made of."""

    kube: Kube
    namespace: str
    pod: str
    image: str

    def run(self, asked: Mapping[str, Any]) -> Json:
        """What one form did, in the words of inside.py; NoEvidence where it could not be run."""
        timeout = timedelta(seconds=asked["timeout"]) + ITS_OWN_WORK
        argv = ["python3", "-I", RUNNER_FILE, json.dumps(asked)]
        done = self.kube.exec(self.namespace, self.pod, CONTAINER, argv, timeout=timeout.total_seconds())
        if done.code:
            raise NoEvidence(f"the form was not run: {done.stderr.decode(errors='replace').strip()[-300:]}")
        found = _told(done.text)
        if "broken" in found:
            raise NoEvidence(found["broken"])
        return found


def _told(text: str) -> Json:
    """What inside.py wrote; NoEvidence where its answer was lost on the way."""
    try:
        found: Json = json.loads(text)
    except ValueError:
        raise NoEvidence(f"the form ran, and its answer was lost: {text[:200]!r}") from None
    return found


@contextlib.contextmanager
def scratch_ground(kube: Kube) -> Iterator[Ground]:
    """A scratch pod in a namespace of its own, both gone afterwards, on Ctrl-C too."""
    sweep(kube)
    image = image_of(kube)
    namespace = f"rundrill-defects-{secrets.token_hex(4)}"
    try:
        kube.create("v1/Namespace", None, namespace_body(namespace))
        kube.create("networking.k8s.io/v1/NetworkPolicy", namespace, _ALONE)
        kube.create("v1/Pod", namespace, pod_body(image))
        await_running(kube, namespace, CONTAINER)
        made = kube.exec(namespace, CONTAINER, CONTAINER, ["sh", "-euc", _TEMPLATE], _source(), timeout=60)
        if made.code:
            raise NoEvidence(f"no PostgreSQL cluster could be made: {made.stderr.decode()[-300:]}")
        yield Ground(kube, namespace, CONTAINER, image)
    finally:
        remove(kube, namespace)


def _source() -> bytes:
    return resources.files("rundrill.defects").joinpath("inside.py").read_bytes()


def namespace_body(name: str) -> Json:
    """A scratch namespace, marked by who made it."""
    metadata = {
        "name": name,
        "labels": {"app.kubernetes.io/managed-by": "rundrill", LABEL: name},
        "annotations": {RUNNER: f"{socket.gethostname()}/{os.getpid()}"},
    }
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def remove(kube: Kube, namespace: str) -> None:
    """Has the namespace and all in it deleted; nothing where it is gone."""
    with contextlib.suppress(NotFound):
        kube.delete("v1/Namespace", None, namespace)


def sweep(kube: Kube) -> tuple[str, ...]:
    """The scratch namespaces of dead runs, which are removed."""
    left = [one for one in kube.items("v1/Namespace", None, LABEL) if is_left_over({"status": {}, **one})]
    names = tuple(one["metadata"]["name"] for one in left if one["status"].get("phase") != "Terminating")
    for name in names:
        remove(kube, name)
    return names


def image_of(kube: Kube) -> str:
    """The image with every server and none of our code, as a running pod of the target has it."""
    for pod in kube.items("v1/Pod"):
        for container in pod["spec"]["containers"]:
            if container["image"].startswith(f"{BASE}:"):
                return str(container["image"])
    raise TargetError(f"no pod of this target runs {BASE}, so there is nothing to try a form in")


_ALONE: Json = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "alone"},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
}


def pod_body(image: str) -> Json:
    """A pod that waits; it has no way to the API server and resolves no name."""
    container = {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/usr/bin/catatonit", "--", "sleep", str(int(LIVES.total_seconds()))],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "1536Mi"}},
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
    }
    spec = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": int(LIVES.total_seconds()),
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "dnsPolicy": "None",
        "dnsConfig": {"nameservers": ["127.0.0.1"]},
        "securityContext": {"runAsUser": USER, "runAsGroup": USER, "fsGroup": USER, "runAsNonRoot": True},
        "containers": [container],
        "volumes": [{"name": "scratch", "emptyDir": {}}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": CONTAINER}, "spec": spec}
