"""Something is done inside containers: a process frozen or killed, CPU, memory or disk used up.

`begin` and `end` are shell scripts; `end` must be harmless where `begin` never ran, since it is run again until it is
proven. What begin starts in the background must let go of its output (`>/dev/null 2>&1 &`), and ends with its container.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence, TargetError, UndoError
from rundrill.faults import selected
from rundrill.faults.selected import is_ready, running
from rundrill.gateway.kubernetes import NotFound
from rundrill.session import Session
from rundrill.waiting import until

BACK_WITHIN = timedelta(minutes=4)
SCRIPT_S = 30


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
    space = session.namespace(str(configuration["runbook"]), namespace)
    chosen = preview(session, space, selector, count)
    guard.allow(session, chosen, configuration)
    pods = [pod for pod in running(session, space, selector) if pod["metadata"]["name"] in chosen.subjects]
    undo = {
        "namespace": space,
        "container": container,
        "end": end,
        "pods": [[pod["metadata"]["name"], pod["metadata"]["uid"]] for pod in pods],
        "selector": selector,
        "ready": sum(is_ready(pod) for pod in running(session, space, selector)),
    }
    said = []
    with child.injecting("inside", undo):
        now = datetime.now(UTC)
        hops.note(child.directory(), "injected", now, "exec", f"in {', '.join(chosen.subjects)}")
        for pod in chosen.subjects:
            done = session.kube.exec(space, pod, container, ["sh", "-c", begin], timeout=SCRIPT_S)
            if done.code:
                raise NoEvidence(f"{pod}: begin ended with {done.code}: {_text(done.stderr)}")
            said.append(f"{pod}: {_text(done.stdout)}")
    return "; ".join(said)


def undo(session: Session, undo: Mapping[str, Any]) -> str:
    """What shows that it is over: end ran in every container that is still the same, and as many pods are ready."""
    space, wanted = str(undo["namespace"]), int(undo["ready"])
    ended = [name for name, uid in undo["pods"] if _ended(session, undo, str(name), str(uid))]
    there = until(lambda: _count(session, space, str(undo["selector"])) >= wanted, BACK_WITHIN)
    if not there:
        now = _count(session, space, str(undo["selector"]))
        raise UndoError(f"{space}: {now} pods of {undo['selector']} are ready, before it were {wanted}")
    return f"ended in {len(ended)} of {len(undo['pods'])} pods, the others are new; {wanted} ready as before"


def _ended(session: Session, undo: Mapping[str, Any], name: str, uid: str) -> bool:
    """Whether end ran in that pod; False where the pod is gone, and all that was in it."""
    space = str(undo["namespace"])
    try:
        if session.kube.one("v1/Pod", space, name)["metadata"]["uid"] != uid:
            return False
    except NotFound:
        return False
    try:
        done = session.kube.exec(
            space, name, undo["container"], ["sh", "-c", str(undo["end"])], timeout=SCRIPT_S
        )
    except TargetError as error:
        raise UndoError(f"{space}/{name}: {error}") from None
    if done.code:
        raise UndoError(f"{space}/{name}: end ended with {done.code}: {_text(done.stderr)}")
    return True


def _count(session: Session, namespace: str, selector: str) -> int:
    return sum(is_ready(pod) for pod in running(session, namespace, selector))


def _text(said: bytes) -> str:
    return said.decode(errors="replace").strip()[-200:]
