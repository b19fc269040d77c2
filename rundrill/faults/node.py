"""A node is lost: its kubelet stands still, and the control plane hears nothing of it any more.

On such a node no undoer's pod can be started, so those who hold it are there before, two of them: each lets the kubelet go on
when it is deleted, when its entry in the ledger is open no more, when its time is over, or when it can see nothing for
half a minute. It ends with its experiment's `alone: true`, since every platform has pods there.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence, TargetError, UndoError
from rundrill.faults import grip
from rundrill.faults.drain import node_of
from rundrill.faults.selected import is_ready
from rundrill.gateway.kubernetes import Json, NotFound
from rundrill.ledger import LASTS, NAMESPACE
from rundrill.session import Session
from rundrill.waiting import until

STAND_WITHIN = timedelta(seconds=60)
LOST_WITHIN = timedelta(seconds=120)
BACK_WITHIN = timedelta(minutes=4)
EVERY = timedelta(seconds=1)
ACCOUNT = "hand"
LABEL = "rundrill.dev/node-hand"
GO = "rundrill.dev/go"
"""The annotation that tells those who stand ready to begin; once the kubelet stands still nobody could see them ready."""
HANDS = 2
BLIND_S = 30
HOLD = f"""
set -u
kubelet() {{
    for d in /proc/[0-9]*; do case "$(readlink "$d/exe" 2>/dev/null)" in */kubelet*) echo "${{d#/proc/}}";; esac; done
}}
[ -n "$(kubelet)" ] || {{ echo "no kubelet on this node" >&2; exit 9; }}
leave() {{ trap - TERM EXIT; echo "lets go: $1"; kill -CONT $(kubelet); exit 0; }}
trap 'leave "told to end"' TERM
trap 'leave "its end"' EXIT
account=/var/run/secrets/kubernetes.io/serviceaccount
ask() {{
    curl -s --max-time 3 --cacert $account/ca.crt -H "Authorization: Bearer $(cat $account/token)" -w '\\n%{{http_code}}' \\
        "https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT/api/v1/namespaces/{NAMESPACE}/$1"
}}
touch /tmp/begun
held= seen=$SECONDS
while [ "$SECONDS" -lt "$LASTS" ]; do
    pod=$(ask "pods/$HOSTNAME") entry=$(ask "configmaps/$ENTRY")
    case "${{pod##*$'\\n'}} ${{entry##*$'\\n'}}" in
        *404*) leave "its pod or its entry is gone";;
        "200 200")
            seen=$SECONDS
            [ "$(jq -r '.metadata.labels["rundrill.dev/fault"]' <<<"${{entry%$'\\n'*}}")" = open ] || leave "the entry is closed"
            [ "$(jq -r '.metadata.deletionTimestamp' <<<"${{pod%$'\\n'*}}")" = null ] || leave "deleted"
            if [ -z "$held" ] && [ "$(jq -r '.metadata.annotations["{GO}"]' <<<"${{pod%$'\\n'*}}")" != null ]; then
                kill -STOP $(kubelet); held=1; echo "the kubelet stands still"
            fi;;
        *) [ $((SECONDS - seen)) -lt {BLIND_S} ] || leave "cannot see";;
    esac
    sleep 1
done
leave "its time is over"
"""


def preview(session: Session, node: str) -> guard.Preview:
    """The node, of all there are."""
    nodes = session.kube.items("v1/Node")
    return guard.Preview("lose", None, f"node {node}, its kubelet", (node,), len(nodes))


def lose_node_of(namespace: str, workload: str, configuration: Mapping[str, Any]) -> str:
    """What showed that the node is lost: the control plane's own word, not ready. It is one that hosts that workload."""
    session = child.session()
    if not configuration.get("alone"):
        raise TargetError("a lost node disturbs every platform: the experiment must say alone: true")
    space = session.namespace(str(configuration["runbook"]), namespace)
    node = node_of(session, space, workload)
    guard.allow(session, preview(session, node), configuration)
    of = f"node-{uuid4().hex[:8]}"
    with child.injecting("node", {"node": node, "of": of, "ready": len(_ready(session, node))}) as entry:
        names = [_stand(session, f"{of}-{number}", of, node, entry.name) for number in range(HANDS)]
        if not until(lambda: all(_stands(session, name) for name in names), STAND_WITHIN):
            raise NoEvidence(f"nobody stands ready on {node} to give it back; nothing was broken")
        hops.note(child.directory(), "injected", datetime.now(UTC), "node", f"the kubelet of {node} stopped")
        for name in names:
            session.kube.patch("v1/Pod", NAMESPACE, name, {"metadata": {"annotations": {GO: "now"}}})
    if not until(lambda: not _is_ready(session, node), LOST_WITHIN, EVERY):
        raise NoEvidence(f"{node} is still ready {LOST_WITHIN} after its kubelet was stopped")
    proof = f"{node} is not ready: {_said(session, node)}"
    hops.note(child.directory(), "fault_proven", datetime.now(UTC), "kubernetes", proof)
    return proof


def undo(session: Session, undo: Mapping[str, Any]) -> str:
    """What shows that the node is back: ready, and none who held it; as many ready pods on it as before, or all that are there."""
    node, of = str(undo["node"]), str(undo["of"])
    for hand in session.kube.items("v1/Pod", NAMESPACE, f"{LABEL}={of}"):
        try:
            session.kube.delete("v1/Pod", NAMESPACE, str(hand["metadata"]["name"]))
        except NotFound:
            continue

    def back() -> bool:
        held = session.kube.items("v1/Pod", NAMESPACE, f"{LABEL}={of}")
        return not held and _is_ready(session, node) and _is_well(session, node, int(undo["ready"]))

    if not until(back, BACK_WITHIN, EVERY):
        now = len(_ready(session, node))
        raise UndoError(
            f"{node}: {_said(session, node)}, {now} of {undo['ready']} pods ready; `rundrill up` heals it"
        )
    now = len(_ready(session, node))
    return f"{node} is ready, {now} pods ready on it, before it were {undo['ready']}; nobody holds it"


def _stand(session: Session, name: str, of: str, node: str, entry: str) -> str:
    said = {"LASTS": str(int(LASTS.total_seconds())), "ENTRY": entry}
    spec: Json = {
        "nodeName": node,
        "hostPID": True,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 5,
        "serviceAccountName": ACCOUNT,
        "tolerations": [{"operator": "Exists"}],
        "containers": [grip.container_of(session, HOLD, said)],
    }
    session.kube.create(
        "v1/Pod", NAMESPACE, {"metadata": {"name": name, "labels": {LABEL: of}}, "spec": spec}
    )
    return name


def _stands(session: Session, name: str) -> bool:
    return is_ready(session.kube.one("v1/Pod", NAMESPACE, name))


def _is_ready(session: Session, node: str) -> bool:
    conditions = session.kube.one("v1/Node", None, node)["status"].get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _said(session: Session, node: str) -> str:
    conditions = session.kube.one("v1/Node", None, node)["status"].get("conditions") or []
    ready: Json = next((one for one in conditions if one["type"] == "Ready"), {})
    return f"Ready is {ready.get('status')} since {ready.get('lastTransitionTime')}: {ready.get('reason')}"


def _is_well(session: Session, node: str, wanted: int) -> bool:
    """Whether as many pods are ready on it as before, or all that are there: some may have been replaced elsewhere."""
    there, ready = _pods(session, node), _ready(session, node)
    left = [pod for pod in there if pod["status"].get("phase") not in ("Succeeded", "Failed")]
    leaving = [pod for pod in left if "deletionTimestamp" in pod["metadata"]]
    return len(ready) >= wanted or (len(ready) == len(left) > 0 and not leaving)


def _ready(session: Session, node: str) -> list[Json]:
    """The pods of the node that are ready, but for our own."""
    return [pod for pod in _pods(session, node) if is_ready(pod)]


def _pods(session: Session, node: str) -> list[Json]:
    """The pods of the node, but for our own."""
    pods = session.kube.get("/api/v1/pods", fieldSelector=f"spec.nodeName={node}")["items"]
    return [pod for pod in pods if pod["metadata"]["namespace"] != NAMESPACE]
