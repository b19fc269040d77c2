"""A hand on a node: a privileged pod of ours that reaches into another pod, and takes back what it did.

`begin` runs once; `end` runs when the hand is told to leave (its deletion), when its time is over, and again from a
second hand as the undo, so that a hand that was killed leaves nothing behind. Both are shell scripts: `within` before
a command runs it in the network of the pod, `theirs` lists the pod's processes, `$CONTAINER` is the id of the chosen
container, and `$OF` names the fault's entry, for rules that must be told from others.
"""

import contextlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence, TargetError, UndoError
from rundrill.faults import selected
from rundrill.faults.grip import FIND, HOLD, LABEL, OF, Grip, Scripts, pod_of
from rundrill.faults.selected import Picked, await_ready, is_ready, pick, status_of
from rundrill.gateway.kubernetes import Conflict, Json, NotFound
from rundrill.ledger import NAMESPACE
from rundrill.session import Session
from rundrill.waiting import until

BEGINS_WITHIN = timedelta(seconds=40)
GONE_WITHIN = timedelta(seconds=30)
NOTHING = ":"
"""The end of what leaves nothing to be taken back."""


def preview(session: Session, namespace: str, selector: str, count: int | None) -> guard.Preview:
    """The first running pods by name, as many as are asked for; all of them where nothing is said."""
    return selected.preview("hand", session, namespace, selector, count)


def reach_in(
    namespace: str,
    selector: str,
    begin: str,
    end: str,
    configuration: Mapping[str, Any],
    count: int | None = None,
    container: str | None = None,
) -> str:
    """What the hands did; that it bites is for the experiment to show by another path."""
    session = child.session()
    picked = pick(session, configuration, "hand", (namespace, selector), count)
    return take_hold(session, picked, Scripts(begin, end, container), "a hand")


def take_hold(session: Session, picked: Picked, scripts: Scripts, says: str) -> str:
    """What the hands did, one in each pod that was picked; NoEvidence where one of them could not."""
    if host := [pod["metadata"]["name"] for pod in picked.pods if pod["spec"].get("hostNetwork")]:
        raise TargetError(f"{', '.join(host)}: the network is the node's own, not the pod's; refused")
    grips, of = [_grip(pod, scripts) for pod in picked.pods], f"hand-{uuid4().hex[:8]}"
    undo = {
        "grips": [grip.written(picked.namespace) for grip in grips],
        "of": of,
        "selector": picked.selector,
        "namespace": picked.namespace,
        "ready": picked.ready,
    }
    with child.injecting("hand", undo):
        hops.note(child.directory(), "injected", datetime.now(UTC), "node", f"{says} in {picked.names}")
        names = [_lay(session, of, f"{of}-{number}", grip) for number, grip in enumerate(grips)]
        until(lambda: _all_begun(session, names), BEGINS_WITHIN)
    if not _all_begun(session, names):
        raise NoEvidence(f"not every hand took hold within {BEGINS_WITHIN}: {_states(session, names)}")
    return f"{len(names)} hands hold {picked.names}"


def undo(session: Session, undo: Mapping[str, Any]) -> str:
    """What shows that it is over: no hand of this entry is left, `end` ran once more in each pod that is the same one."""
    of = str(undo["of"])
    # Other entries' hands belong to runs that may be in their middle.
    hands = session.kube.items("v1/Pod", NAMESPACE, f"{LABEL}=holds,{OF}={of}")
    _let_go(session, [str(hand["metadata"]["name"]) for hand in hands])
    there = [grip for grip in undo["grips"] if grip["end"] != NOTHING and _same(session, grip)]
    _end_again(session, of, there)
    await_ready(session, str(undo["namespace"]), str(undo["selector"]), int(undo["ready"]))
    new = len(undo["grips"]) - len(there)
    return (
        f"ended in {len(there)} pods, {new} others are new; {undo['ready']} ready as before, no hand is left"
    )


def lapsed(session: Session, undo: Mapping[str, Any]) -> str | None:
    """Why the fault does not stand any more though nobody undid it; None where it does, or where nothing was to last."""
    for number, grip in enumerate(undo["grips"]):
        if not (check := grip.get("still")):
            continue
        if not _same(session, grip):
            return f"pod {grip['pod']} was replaced meanwhile"
        name = f"{undo['of']}-{number}"
        if _phase(session, name) != "Running":
            return f"the hand in {grip['pod']} is gone"
        done = session.kube.exec(NAMESPACE, name, None, ["bash", "-c", f"{FIND}\n{check}"])
        if done.code:
            return f"in {grip['pod']} it was taken back meanwhile"
    return None


def _end_again(session: Session, of: str, words: Sequence[Mapping[str, Any]]) -> None:
    """One more hand for each pod, side by side, that does nothing but `end`.

    Whoever else undoes the same entry finds the same hand by its name, and waits for it too; one that is late is waited for
    again by the next attempt, and never laid twice.
    """
    names = [f"undo-{of}-{number}" for number in range(len(words))]
    for name, one in zip(names, words, strict=True):
        grip = Grip(one["pod"], one["uid"], one["node"], one["container"], "", one["end"], None)
        script = f"{FIND}\nundo() {{\n{grip.end}\n}}\nundo"
        with contextlib.suppress(Conflict):
            session.kube.create("v1/Pod", NAMESPACE, pod_of(session, of, name, grip, script, "ends"))
    over = ("Succeeded", "Failed")
    until(lambda: all(_phase(session, name) in over for name in names), BEGINS_WITHIN)
    phases = {name: _phase(session, name) for name in names}
    wrong = [name for name, phase in phases.items() if phase != "Succeeded"]
    said = _states(session, wrong)
    # Those that failed make room for a new attempt, and all of them once nothing is wrong.
    for name in names if not wrong else [name for name in wrong if phases[name] == "Failed"]:
        with contextlib.suppress(NotFound):
            session.kube.delete("v1/Pod", NAMESPACE, name, grace=0)
    if wrong:
        raise UndoError(f"`end` was not seen to succeed: {said}")


def _lay(session: Session, of: str, name: str, grip: Grip) -> str:
    script = f"{FIND}\nbegin() {{\n{grip.begin}\n}}\nundo() {{\n{grip.end}\n}}\n{HOLD}"
    session.kube.create("v1/Pod", NAMESPACE, pod_of(session, of, name, grip, script, "holds"))
    return name


def _grip(pod: Json, scripts: Scripts) -> Grip:
    meta = pod["metadata"]
    container = str(status_of(pod, scripts.container).get("containerID", "")).rpartition("/")[2]
    node = str(pod["spec"]["nodeName"])
    return Grip(
        str(meta["name"]), str(meta["uid"]), node, container, scripts.begin, scripts.end, scripts.still
    )


def _same(session: Session, words: Mapping[str, Any]) -> bool:
    """Whether that pod is still there, with its network; what was done to one that is gone went with it."""
    try:
        pod = session.kube.one("v1/Pod", words["namespace"], words["pod"])
    except NotFound:
        return False
    return bool(pod["metadata"]["uid"] == words["uid"] and pod["status"].get("phase") == "Running")


def _let_go(session: Session, names: Sequence[str]) -> None:
    """Nothing once all of them are gone; each takes its time, and all of them together no longer than the slowest."""
    for name in names:
        with contextlib.suppress(NotFound, Conflict):
            session.kube.delete("v1/Pod", NAMESPACE, name)
    if not until(lambda: all(_phase(session, name) is None for name in names), GONE_WITHIN):
        left = [name for name in names if _phase(session, name) is not None]
        raise UndoError(f"the hand {', '.join(left)} does not go")


def _phase(session: Session, name: str) -> str | None:
    try:
        return str(session.kube.one("v1/Pod", NAMESPACE, name)["status"].get("phase"))
    except NotFound:
        return None


def _all_begun(session: Session, names: Sequence[str]) -> bool:
    """Whether every hand has begun; NoEvidence as soon as one of them has failed."""
    pods = [session.kube.one("v1/Pod", NAMESPACE, name) for name in names]
    if any(pod["status"].get("phase") == "Failed" for pod in pods):
        raise NoEvidence(f"a hand could not do its work: {_states(session, names)}")
    return all(is_ready(pod) for pod in pods)


def _states(session: Session, names: Sequence[str]) -> str:
    """What became of each hand, with the last it said."""
    said = []
    for name in names:
        phase = _phase(session, name)
        last = session.kube.logs(NAMESPACE, name, tail=3).strip()[-200:] if phase == "Failed" else ""
        said.append(f"{name} {phase or 'is gone'}{': ' if last else ''}{last}")
    return ", ".join(said)
