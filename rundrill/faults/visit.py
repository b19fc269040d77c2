"""An operator reaches into pods: a shell, a forwarded port, a file carried in and out again."""

import hashlib
import secrets
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from rundrill import child, guard
from rundrill.errors import NoEvidence, UndoError
from rundrill.faults import selected
from rundrill.faults.begin import began, place
from rundrill.gateway.kubernetes import NotFound
from rundrill.session import Session

CARRIED_BYTES = 64 * 1024
FILE = "/tmp/rundrill-visit"
TIMEOUT_S = 20.0


def preview(session: Session, namespace: str, selector: str) -> guard.Preview:
    """Every running pod that the selector picks."""
    return selected.preview("visit", session, namespace, selector, None)


def visit(namespace: str, selector: str, port: int, path: str, configuration: Mapping[str, Any]) -> str:
    """What was reached in each pod: bash, the forwarded port's answer, and a file whose checksum came back the same."""
    session, space = place(configuration, namespace)
    chosen = preview(session, space, selector)
    guard.allow(session, chosen, configuration)
    with child.injecting("visit", {"namespace": space, "pods": list(chosen.subjects)}):
        began(f"visits to {', '.join(chosen.subjects)}", "exec", procedure=True)
        said = [_visited(session, space, pod, port, path) for pod in chosen.subjects]
    return "; ".join(said)


def undo(session: Session, undo: Mapping[str, Any]) -> str:
    """What shows that no carried file is left in any pod that is still there."""
    space, pods = str(undo["namespace"]), [str(pod) for pod in undo["pods"]]
    for pod in pods:
        try:
            session.kube.one("v1/Pod", space, pod)
        except NotFound:
            continue
        done = session.kube.exec(space, pod, None, ["sh", "-c", f"rm -f {FILE}; ! test -e {FILE}"])
        if done.code:
            raise UndoError(f"{space}/{pod}: {FILE} is still there")
    return f"nothing is left in {len(pods)} pods of {space}"


def _visited(session: Session, space: str, pod: str, port: int, path: str) -> str:
    shell = session.kube.exec(space, pod, None, ["/bin/bash", "-c", "echo here"], timeout=TIMEOUT_S)
    if shell.code or shell.text.strip() != "here":
        raise NoEvidence(f"{space}/{pod}: no bash ({shell.code})")
    return f"{pod}: bash, {_forwarded(session, space, pod, port, path)}, {_carried(session, space, pod)}"


def _forwarded(session: Session, space: str, pod: str, port: int, path: str) -> str:
    with session.kube.forward(space, f"pod/{pod}", port) as (host, local):
        try:
            with urllib.request.urlopen(f"http://{host}:{local}{path}", timeout=TIMEOUT_S) as answer:
                status = int(answer.status)
        except (OSError, urllib.error.URLError) as error:
            raise NoEvidence(
                f"{space}/{pod}: port {port} does not answer through a forward: {error}"
            ) from None
    return f"{path} of port {port} answers {status}"


def _carried(session: Session, space: str, pod: str) -> str:
    content = secrets.token_bytes(CARRIED_BYTES)
    there = session.kube.exec(
        space, pod, None, ["sh", "-c", f"cat > {FILE} && sha256sum < {FILE}"], content, TIMEOUT_S
    )
    back = session.kube.exec(space, pod, None, ["cat", FILE], timeout=TIMEOUT_S)
    wanted = hashlib.sha256(content).hexdigest()
    if there.text.split()[:1] != [wanted] or hashlib.sha256(back.stdout).hexdigest() != wanted:
        raise NoEvidence(f"{space}/{pod}: what was carried in did not come back the same")
    return f"{CARRIED_BYTES} bytes in and out, {wanted[:12]}"
