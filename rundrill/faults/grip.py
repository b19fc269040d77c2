"""The pod that is a hand: where it reaches, what it does there, and when it lets go."""

from collections.abc import Mapping
from dataclasses import dataclass

from rundrill.gateway.kubernetes import Json
from rundrill.ledger import LASTS, NAMESPACE
from rundrill.session import Session
from rundrill.standby import engine_image

LABEL = "rundrill.dev/hand"
OF = "rundrill.dev/hand-of"
"""The label that tells the hands of one entry of the ledger from those of another."""
FIND = """
set -eu
# The cgroup's name holds the pod's uid, with underscores where systemd makes cgroups.
theirs() { grep -lsE "pod(${POD}|${POD//-/_})" /proc/[0-9]*/cgroup | cut -d/ -f3 || true; }
PID="$(theirs | head -1)"
[ -n "$PID" ] || { echo "no process of pod $POD on this node" >&2; exit 9; }
within() { nsenter --target "$PID" --net -- "$@"; }
"""
HOLD = """
leave() { trap - TERM; undo; kill $(jobs -p) 2>/dev/null || true; exit 0; }
trap leave TERM
begin
touch /tmp/begun
sleep "$LASTS" & wait $!
leave
"""


@dataclass(frozen=True)
class Scripts:
    """What a hand does and how it is taken back; the container is the first where none is named."""

    begin: str
    end: str
    container: str | None = None
    still: str | None = None
    """What succeeds for as long as the fault stands; None where the platform itself may end it, such as by a restart."""


@dataclass(frozen=True)
class Grip:
    """A pod on a node, and the two scripts."""

    pod: str
    uid: str
    node: str
    container: str
    """The id of the chosen container, as its cgroup has it."""
    begin: str
    end: str
    still: str | None

    def written(self, space: str) -> dict[str, str | None]:
        """As the ledger keeps it."""
        words: dict[str, str | None] = {
            "pod": self.pod,
            "uid": self.uid,
            "node": self.node,
            "container": self.container,
        }
        return words | {"end": self.end, "still": self.still, "namespace": space}


def pod_of(session: Session, of: str, name: str, grip: Grip, script: str, does: str) -> Json:
    """The privileged pod on the grip's node; `does` is holds or ends."""
    said = {
        "POD": grip.uid,
        "CONTAINER": grip.container,
        "OF": of,
        "LASTS": str(int(LASTS.total_seconds())),
    }
    spec = {
        "nodeName": grip.node,
        "hostPID": True,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 10,
        "automountServiceAccountToken": False,
        "tolerations": [{"operator": "Exists"}],
        "containers": [container_of(session, script, said)],
    }
    return {"metadata": {"name": name, "namespace": NAMESPACE, "labels": {LABEL: does, OF: of}}, "spec": spec}


def container_of(session: Session, script: str, said: Mapping[str, str]) -> Json:
    """The privileged container of a hand: it has begun once its script has made /tmp/begun."""
    return {
        "name": "hand",
        "image": engine_image(session.kube),
        "imagePullPolicy": "IfNotPresent",
        "command": ["bash", "-c", script],
        "env": [{"name": key, "value": value} for key, value in said.items()],
        # Asked until it stands, and never again: each exec costs a node more than the pod itself.
        "startupProbe": {
            "exec": {"command": ["test", "-e", "/tmp/begun"]},
            "periodSeconds": 1,
            "failureThreshold": 120,
        },
        "securityContext": {"privileged": True},
    }
