"""Somebody asks the API server for what he may not have, and its audit records are searched for that very request."""

import json
import secrets
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence, UndoError
from rundrill.faults.begin import began, place
from rundrill.gateway.kubernetes import Json, NotFound
from rundrill.ledger import NAMESPACE
from rundrill.session import Session
from rundrill.standby import engine_image
from rundrill.waiting import until

FORBIDDEN = 403
READER = "audit-reader"
GONE_WITHIN = timedelta(seconds=40)
_LABEL = "rundrill.dev/audit"
# Wherever the control plane runs, its process on this node says itself where it writes; the file is read through it.
_SEARCH = """
for directory in /proc/[0-9]*; do
    tr '\\0' '\\n' < "$directory/cmdline" 2>/dev/null | grep -q 'kube-apiserver' || continue
    log=$(tr '\\0' '\\n' < "$directory/cmdline" | sed -n 's/^--audit-log-path=//p')
    [ -n "$log" ] && break
done
[ -n "${log:-}" ] || { echo "no API server with an audit log runs on this node"; sleep 600; }
until grep -F "$TAG" "$directory/root$log" | grep '"code":403' | cut -c 1-4000; do sleep 1; done
sleep 600
"""


def preview(namespace: str, account: str) -> guard.Preview:
    """In whose name the request is made that must be refused; nothing is touched by it."""
    return guard.Preview("forbidden request", namespace, "account", (account,), 1, at_once=False)


def ask_for_a_secret(namespace: str, account: str, configuration: Mapping[str, Any]) -> str:
    """What the API server said to an account that asked for a Secret it may not read, under a name of its own.

    The records are read by a pod of ours, labelled `rundrill.dev/audit: reader` in the namespace `rundrill`: its log says what was found.
    """
    session, space = place(configuration, namespace)
    guard.allow(session, preview(space, account), configuration)
    tag = f"rundrill-{secrets.token_hex(6)}"
    with child.injecting("audit", {"pod": READER}):
        began(f"{account} of {space} asks for Secret {tag}", "kubernetes", procedure=False)
        status = _asked(session, space, account, tag)
        session.kube.create("v1/Pod", NAMESPACE, _reader(session, tag))
    if status != FORBIDDEN:
        raise NoEvidence(f"the API server answered {status}, expected {FORBIDDEN}")
    says = f"system:serviceaccount:{space}:{account} was refused Secret {tag} with {status}"
    hops.note(child.directory(), "fault_proven", datetime.now(UTC), "kubernetes", says)
    return says


def undo(session: Session, undo: Mapping[str, Any]) -> str:
    """What shows that the pod that read the records is gone."""
    name = str(undo["pod"])
    try:
        session.kube.delete("v1/Pod", NAMESPACE, name, grace=1)
    except NotFound:
        return f"Pod {NAMESPACE}/{name} is gone"
    if not until(lambda: _gone(session, name), GONE_WITHIN):
        raise UndoError(f"Pod {NAMESPACE}/{name} does not go")
    return f"Pod {NAMESPACE}/{name} is gone"


def _asked(session: Session, space: str, account: str, tag: str) -> int:
    """The status of a real request with that account's own token, which lives for ten minutes."""
    wanted = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": 600},
    }
    granted = session.kube.create("v1/ServiceAccount", space, wanted, account, "token")
    access = session.kube.access
    request = urllib.request.Request(
        f"{access.url}/api/v1/namespaces/{space}/secrets/{tag}",
        headers={"Authorization": f"Bearer {granted['status']['token']}"},
    )
    try:
        with urllib.request.urlopen(
            request, context=ssl.create_default_context(cafile=access.ca), timeout=10
        ) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        said: Json = json.loads(refused.read() or b"{}")
        return int(said.get("code", refused.code))


def _reader(session: Session, tag: str) -> Json:
    container = {
        "name": "reader",
        "image": engine_image(session.kube),
        "imagePullPolicy": "IfNotPresent",
        "command": ["bash", "-c", _SEARCH],
        "env": [{"name": "TAG", "value": tag}],
        "securityContext": {"privileged": True},
    }
    spec = {
        "hostPID": True,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
    } | beside_the_control_plane(session)
    return {"metadata": {"name": READER, "namespace": NAMESPACE, "labels": {_LABEL: "reader"}}, "spec": spec}


def beside_the_control_plane(session: Session) -> Json:
    """On a node that answers as the API server does; on any where a provider keeps it out of sight."""
    of = "kubernetes.io/service-name=kubernetes"
    slices = session.kube.items("discovery.k8s.io/v1/EndpointSlice", "default", of)
    ends = {ip for one in slices for end in one.get("endpoints") or () for ip in end["addresses"]}
    for node in session.kube.items("v1/Node", None):
        if ends & {address["address"] for address in node["status"]["addresses"]}:
            return {"nodeName": node["metadata"]["name"]}
    return {}


def _gone(session: Session, name: str) -> bool:
    try:
        session.kube.one("v1/Pod", NAMESPACE, name)
    except NotFound:
        return True
    return False
