"""What a crowd needs to come in: a way that outlives the pods of the door, and the key that its users bear.

A forward leads to one pod; where that pod is itself restarted, frozen or switched away, the way would break and not the
platform. The relay asks the service's own address for each connection, as any client in the cluster does.
"""

import contextlib
import tempfile
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from rundrill import ledger, relay
from rundrill.errors import RundrillError, TargetError
from rundrill.gateway.kubernetes import Json
from rundrill.ledger import NAMESPACE
from rundrill.session import Session
from rundrill.standby import engine_image
from rundrill.target import SecretRef
from rundrill.waiting import until

PORT = 8000
READY_WITHIN = timedelta(seconds=60)
LASTS_S = 3600
"""A relay that its run forgot ends by itself."""
FOLLOWS_S = 1.0
LABEL = "rundrill.dev/relay"


@contextlib.contextmanager
def relayed(session: Session, service: str) -> Iterator[tuple[str, int]]:
    """Host and port on loopback that lead to the service, whichever of its pods are there, while the context lasts."""
    name = f"relay-{uuid4().hex[:8]}"
    ledger.ensure_namespace(session.kube)
    session.kube.create("v1/Pod", NAMESPACE, _pod(session, name, f"{PORT}={_address(session, service)}"))
    try:
        if not until(lambda: _is_ready(session.kube.one("v1/Pod", NAMESPACE, name)), READY_WITHIN):
            raise TargetError(f"the relay to {service} was not ready within {READY_WITHIN.seconds} s")
        with session.kube.forward(NAMESPACE, f"pod/{name}", PORT) as address:
            yield address
    finally:
        # One that cannot be deleted now ends by itself, and says nothing against what the crowd saw.
        with contextlib.suppress(RundrillError):
            session.kube.delete("v1/Pod", NAMESPACE, name, grace=1)


@contextlib.contextmanager
def key_file(session: Session, where: SecretRef) -> Iterator[Path]:
    """A file that only we may read, with the key that users bear; a key that is changed stands there within a second or two.

    Not in the evidence, nor in the arguments of a process, which everybody may read.
    """
    with tempfile.TemporaryDirectory(prefix="crowd-") as directory:
        path, over = Path(directory) / "key", threading.Event()
        _write_key(session, where, path)

        def follow() -> None:
            while not over.wait(FOLLOWS_S):
                with contextlib.suppress(RundrillError):
                    _write_key(session, where, path)

        following = threading.Thread(target=follow, daemon=True, name="crowd's key")
        following.start()
        try:
            yield path
        finally:
            over.set()
            following.join()


def _write_key(session: Session, where: SecretRef, path: Path) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(session.password(where))
    fresh.replace(path)


def _is_ready(pod: Json) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _address(session: Session, service: str) -> str:
    """`host:port` of `namespace/name:port`: the address that the cluster gave the service."""
    namespace, _, named = service.partition("/")
    name, _, port = named.partition(":")
    return f"{session.kube.one('v1/Service', namespace, name)['spec']['clusterIP']}:{port}"


def _pod(session: Session, name: str, route: str) -> Json:
    container = {
        "name": "relay",
        "image": engine_image(session.kube),
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", Path(relay.__file__).read_text(), route],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    spec = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": LASTS_S,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 993, "runAsGroup": 993},
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
    }
    return {"metadata": {"name": name, "namespace": NAMESPACE, "labels": {LABEL: "way-in"}}, "spec": spec}
