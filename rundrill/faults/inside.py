"""Something is done inside containers: a process frozen or killed, CPU, memory or disk used up.

`begin` and `end` are shell scripts; `end` must be harmless where `begin` never ran, since it is run again until it is
proven. What begin starts in the background must let go of its output (`>/dev/null 2>&1 &`), and ends with its container.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence, TargetError, UndoError
from rundrill.faults import selected
from rundrill.faults.selected import Picked, await_ready, first_container, pick
from rundrill.gateway.kubernetes import Completed, NotFound
from rundrill.session import Session
from rundrill.waiting import until

SCRIPT_S = 30
ENTERED_WITHIN = timedelta(seconds=60)


def preview(session: Session, namespace: str, selector: str, count: int | None) -> guard.Preview:
    """The first running pods by name, as many as are asked for; all of them where nothing is said."""
    return selected.preview("inside", session, namespace, selector, count)


def run(
    namespace: str,
    selector: str,
    begin: str,
    end: str,
    configuration: Mapping[str, Any],
    container: str | None = None,
    count: int | None = None,
) -> str:
    """What begin said in each pod; that it bites is for the experiment to show by another path."""
    session = child.session()
    picked = pick(session, configuration, "inside", (namespace, selector), count)
    return begin_in(session, picked, begin, end, container)


def begin_in(
    session: Session, picked: Picked, begin: str, end: str, container: str | None, may_die: bool = False
) -> str:
    """What begin said in each of the pods; `may_die` where it may be its own container's end."""
    container = container or first_container(picked.pods[0])
    undo = {
        "namespace": picked.namespace,
        "container": container,
        "end": end,
        "pods": [[pod["metadata"]["name"], pod["metadata"]["uid"]] for pod in picked.pods],
        "selector": picked.selector,
        "ready": picked.ready,
    }
    said = []
    with child.injecting("inside", undo):
        hops.note(child.directory(), "injected", datetime.now(UTC), "exec", f"in {picked.names}")
        for pod in picked.pods:
            name = str(pod["metadata"]["name"])
            done = _tried(session, picked.namespace, name, container, begin)
            if done is None and not may_die:
                raise NoEvidence(f"{name}: begin could not be run, or ended with its container")
            if done is not None and done.code and not may_die:
                raise NoEvidence(f"{name}: begin ended with {done.code}: {_text(done.stderr)}")
            said.append(f"{name}: {_text(done.stdout) if done else 'ended'}")
    return "; ".join(said)


def undo(session: Session, undo: Mapping[str, Any]) -> str:
    """What shows that it is over: end ran in every container that is still the same, and as many pods are ready."""
    space, wanted = str(undo["namespace"]), int(undo["ready"])
    ended = [name for name, uid in undo["pods"] if _ended(session, undo, str(name), str(uid))]
    await_ready(session, space, str(undo["selector"]), wanted)
    return f"ended in {len(ended)} of {len(undo['pods'])} pods, the others are new; {wanted} ready as before"


def _ended(session: Session, undo: Mapping[str, Any], name: str, uid: str) -> bool:
    """Whether end ran in that pod; False where the pod is gone, and all that was in it."""
    space = str(undo["namespace"])
    try:
        if session.kube.one("v1/Pod", space, name)["metadata"]["uid"] != uid:
            return False
    except NotFound:
        return False
    # A container that is just being restarted cannot be entered for a while.
    tried = partial(_tried, session, space, name, undo["container"], str(undo["end"]))
    done = until(tried, ENTERED_WITHIN) or session.kube.exec(
        space, name, undo["container"], ["sh", "-c", str(undo["end"])], timeout=SCRIPT_S
    )
    if done.code:
        raise UndoError(f"{space}/{name}: end ended with {done.code}: {_text(done.stderr)}")
    return True


def _text(said: bytes) -> str:
    return said.decode(errors="replace").strip()[-200:]


def _tried(session: Session, space: str, pod: str, container: str | None, script: str) -> Completed | None:
    """What a script came to; None where it could not be started, or its container ended meanwhile."""
    try:
        return session.kube.exec(space, pod, container, ["sh", "-c", script], timeout=SCRIPT_S)
    except TargetError:
        return None
