"""A hand on a node: a privileged pod of ours that reaches into another pod's network, and takes back what it did.

`begin` runs once; `end` runs when the hand is told to leave (its deletion), when its time is over, and again from a
second hand as the undo, so that a hand that was killed leaves nothing behind. Both are shell scripts; `within` before
a command runs it in the network of the pod.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence, UndoError
from rundrill.faults import selected
from rundrill.faults.selected import is_ready, running
from rundrill.gateway.kubernetes import Conflict, Json, NotFound
from rundrill.ledger import LASTS, NAMESPACE
from rundrill.session import Session
from rundrill.standby import engine_image
from rundrill.waiting import until

BEGINS_WITHIN = timedelta(seconds=40)
GONE_WITHIN = timedelta(seconds=30)
LABEL = "rundrill.dev/hand"
OF = "rundrill.dev/hand-of"
"""The label that tells the hands of one entry of the ledger from those of another."""
FIND = """
set -eu
for directory in /proc/[0-9]*; do
    # The cgroup's name holds the pod's uid, with underscores where systemd makes cgroups.
    if grep -qsE "pod(${POD}|${POD//-/_})" "$directory/cgroup"; then PID="${directory#/proc/}"; break; fi
done
[ -n "${PID:-}" ] || { echo "no process of pod $POD on this node" >&2; exit 9; }
within() { nsenter --target "$PID" --net -- "$@"; }
"""
HOLD = """
leave() { trap - TERM; undo; exit 0; }
trap leave TERM
begin
touch /tmp/begun
sleep "$LASTS" & wait $!
leave
"""


@dataclass(frozen=True)
class Grip:
    """A pod on a node, and the two scripts."""

    pod: str
    uid: str
    node: str
    begin: str
    end: str

    def written(self, space: str) -> dict[str, str]:
        """As the ledger keeps it."""
        words = {"pod": self.pod, "uid": self.uid, "node": self.node}
        return words | {"end": self.end, "namespace": space}


def preview(session: Session, namespace: str, selector: str, count: int | None) -> guard.Preview:
    """The first running pods by name, as many as are asked for; all of them where nothing is said."""
    return selected.preview("network", session, namespace, selector, count)


def reach_in(
    namespace: str,
    selector: str,
    begin: str,
    end: str,
    configuration: Mapping[str, Any],
    count: int | None = None,
) -> str:
    """What the hands did; that it bites is for the experiment to show by another path."""
    session = child.session()
    space = session.namespace(str(configuration["runbook"]), namespace)
    chosen = preview(session, space, selector, count)
    guard.allow(session, chosen, configuration)
    pods = [pod for pod in running(session, space, selector) if pod["metadata"]["name"] in chosen.subjects]
    grips, of = [_grip(pod, begin, end) for pod in pods], f"hand-{uuid4().hex[:8]}"
    with child.injecting("hand", {"grips": [grip.written(space) for grip in grips], "of": of}):
        now = datetime.now(UTC)
        hops.note(child.directory(), "injected", now, "node", f"in {', '.join(chosen.subjects)}")
        names = [_lay(session, of, f"{of}-{number}", grip) for number, grip in enumerate(grips)]
        ready = until(lambda: all(_is_ready(session, name) for name in names), BEGINS_WITHIN)
    if not ready:
        raise NoEvidence(f"not every hand took hold within {BEGINS_WITHIN}: {_states(session, names)}")
    return f"{len(names)} hands hold {', '.join(chosen.subjects)}"


def undo(session: Session, undo: Mapping[str, Any]) -> str:
    """What shows that it is over: every hand of this entry is gone, and `end` ran once more in each container that is still there."""
    of = str(undo["of"])
    # Other entries' hands belong to runs that may be in their middle.
    for hand in session.kube.items("v1/Pod", NAMESPACE, f"{LABEL}=holds,{OF}={of}"):
        _let_go(session, str(hand["metadata"]["name"]))
    done, gone = 0, 0
    for number, grip in enumerate(undo["grips"]):
        if not _same(session, grip):
            gone += 1
            continue
        _end_again(session, of, f"undo-{of}-{number}", grip)
        done += 1
    return f"ended in {done} pods, {gone} others are new; no hand is left"


def _end_again(session: Session, of: str, name: str, words: Mapping[str, str]) -> None:
    grip = Grip(words["pod"], words["uid"], words["node"], "", words["end"])
    _let_go(session, name)
    script = f"{FIND}\nundo() {{\n{grip.end}\n}}\nundo"
    session.kube.create("v1/Pod", NAMESPACE, _pod(session, of, name, grip, script, "ends"))
    try:
        if not until(lambda: _phase(session, name) in ("Succeeded", "Failed"), BEGINS_WITHIN):
            raise UndoError(f"the hand {name} did not come to its end within {BEGINS_WITHIN}")
        if _phase(session, name) == "Failed":
            raise UndoError(f"{words['pod']}: {session.kube.logs(NAMESPACE, name, tail=5).strip()[-200:]}")
    finally:
        _let_go(session, name)


def _lay(session: Session, of: str, name: str, grip: Grip) -> str:
    script = f"{FIND}\nbegin() {{\n{grip.begin}\n}}\nundo() {{\n{grip.end}\n}}\n{HOLD}"
    session.kube.create("v1/Pod", NAMESPACE, _pod(session, of, name, grip, script, "holds"))
    return name


def _pod(session: Session, of: str, name: str, grip: Grip, script: str, does: str) -> Json:
    container = {
        "name": "hand",
        "image": engine_image(session.kube),
        "imagePullPolicy": "IfNotPresent",
        "command": ["bash", "-c", script],
        "env": [
            {"name": "POD", "value": grip.uid},
            {"name": "LASTS", "value": str(int(LASTS.total_seconds()))},
        ],
        "readinessProbe": {"exec": {"command": ["test", "-e", "/tmp/begun"]}, "periodSeconds": 1},
        "securityContext": {"privileged": True},
    }
    spec = {
        "nodeName": grip.node,
        "hostPID": True,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 10,
        "automountServiceAccountToken": False,
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
    }
    return {"metadata": {"name": name, "namespace": NAMESPACE, "labels": {LABEL: does, OF: of}}, "spec": spec}


def _grip(pod: Json, begin: str, end: str) -> Grip:
    meta = pod["metadata"]
    return Grip(str(meta["name"]), str(meta["uid"]), str(pod["spec"]["nodeName"]), begin, end)


def _same(session: Session, words: Mapping[str, str]) -> bool:
    """Whether that pod is still there, with its network; what was done to one that is gone went with it."""
    try:
        pod = session.kube.one("v1/Pod", words["namespace"], words["pod"])
    except NotFound:
        return False
    return bool(pod["metadata"]["uid"] == words["uid"] and pod["status"].get("phase") == "Running")


def _let_go(session: Session, name: str) -> None:
    try:
        session.kube.delete("v1/Pod", NAMESPACE, name)
    except (NotFound, Conflict):
        return
    if not until(lambda: _phase(session, name) is None, GONE_WITHIN):
        raise UndoError(f"the hand {name} does not go")


def _phase(session: Session, name: str) -> str | None:
    try:
        return str(session.kube.one("v1/Pod", NAMESPACE, name)["status"].get("phase"))
    except NotFound:
        return None


def _is_ready(session: Session, name: str) -> bool:
    return is_ready(session.kube.one("v1/Pod", NAMESPACE, name))


def _states(session: Session, names: list[str]) -> str:
    return ", ".join(f"{name} {_phase(session, name)}" for name in names)
