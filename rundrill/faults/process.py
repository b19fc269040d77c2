"""Processes of a container are stopped as a hang stops them, or get a signal, from outside of the container.

From inside nobody could: the kernel keeps the first process of a container from signals that its own children send.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence, TargetError
from rundrill.faults import selected
from rundrill.faults.grip import Scripts
from rundrill.faults.hand import NOTHING, take_hold
from rundrill.faults.selected import heard, pick, status_of
from rundrill.gateway.kubernetes import Json, NotFound
from rundrill.session import Session
from rundrill.waiting import until

BITES_WITHIN = timedelta(seconds=20)
SIGNALS = ("KILL", "TERM", "INT", "QUIT", "ABRT", "SEGV")
"""Those that end a process; of any other nothing would show that it came."""
# The processes of one container whose words match; all of them where nothing is asked for.
_CHOOSE = """
chosen() {
    found=
    for pid in $(theirs); do
        grep -qs "$CONTAINER" "/proc/$pid/cgroup" || continue
        [ -z "$MATCH" ] || tr '\\0' ' ' < "/proc/$pid/cmdline" | grep -qE -- "$MATCH" || continue
        found="$found $pid"
    done
    [ -n "$found" ] || { echo "no such process" >&2; exit 7; }
    echo $found
}
first() { for pid in $(chosen); do ! grep -qsE '^NSpid:.*[[:space:]]1$' "/proc/$pid/status" || echo "$pid"; done; }
"""
_CONTINUE = """
for pid in $(theirs); do kill -CONT "$pid" 2>/dev/null || true; done
for pid in $(theirs); do
    if grep -qs '^State:.T' "/proc/$pid/status"; then echo "process $pid is still stopped" >&2; exit 8; fi
done
"""
# What runs in a container, one line a process: id, when it began, state, parent, words.
_LOOK = """
for d in /proc/[0-9]*; do
    s=$(cat $d/stat 2>/dev/null) && w=$(tr '\\0' ' ' < $d/cmdline 2>/dev/null) || continue
    n=${s%% *}; set -- ${s##*)}; echo "$n ${20} $1 $2 $w"
done
"""


@dataclass(frozen=True)
class Seen:
    """One process: its id in the container, when it began (in ticks), its state, its parent, its command line."""

    id: str
    began: str
    state: str
    parent: str
    words: str


def preview(session: Session, namespace: str, selector: str, count: int | None) -> guard.Preview:
    """The first running pods by name, as many as are asked for; all of them where nothing is said."""
    return selected.preview("process", session, namespace, selector, count)


def freeze(
    namespace: str,
    selector: str,
    configuration: Mapping[str, Any],
    match: str | None = None,
    container: str | None = None,
    count: int | None = None,
) -> str:
    """What showed that they stand still: the state T of each chosen process, as it is read inside the container.

    `match` is a pattern for the command lines; without it every process of the container is stopped.
    """
    session = child.session()
    picked = pick(session, configuration, "freeze", (namespace, selector), count)
    # Twice: what was forked between the list and the signal is on the second list.
    stop = "kill -STOP $(chosen); kill -STOP $(chosen)"
    take_hold(session, picked, Scripts(f"{_choose(match)}\n{stop}", _CONTINUE, container), "SIGSTOP")
    proofs = [_awaited(partial(_stopped, session, pod, container, match)) for pod in picked.pods]
    return _proven(proofs, picked.names, "not stopped")


def signal(
    namespace: str,
    selector: str,
    configuration: Mapping[str, Any],
    signal: str = "KILL",
    match: str | None = None,
    container: str | None = None,
    count: int | None = 1,
) -> str:
    """What showed that it hit: the kubelet's word of the container's end, or with a `match` that those processes are gone.

    Without `match` the signal goes to the container's first process.
    """
    name = signal.removeprefix("SIG")
    if name not in SIGNALS:
        raise TargetError(f"signal {signal!r} is none of {', '.join(SIGNALS)}")
    session = child.session()
    picked = pick(session, configuration, "signal", (namespace, selector), count)
    before = {_name(pod): _alive(session, pod, container, match) for pod in picked.pods}
    begin = f"{_choose(match)}\nkill -{name} $({'chosen' if match else 'first'})"
    take_hold(session, picked, Scripts(begin, NOTHING, container), f"signal {name}")
    proofs = [
        _awaited(partial(_hit, session, pod, container, match, before[_name(pod)])) for pod in picked.pods
    ]
    return _proven(proofs, picked.names, f"not hit by {name}")


def _choose(match: str | None) -> str:
    quoted = (match or "").replace("'", "'\\''")
    return f"MATCH='{quoted}'\n{_CHOOSE}"


def _awaited(look: Callable[[], str | None]) -> str | None:
    return until(look, BITES_WITHIN)


def _proven(proofs: list[str | None], names: str, otherwise: str) -> str:
    if not all(proofs):
        raise NoEvidence(f"{names}: {otherwise} within {BITES_WITHIN}")
    said = "; ".join(str(proof) for proof in proofs)
    hops.note(child.directory(), "fault_proven", datetime.now(UTC), "container, kubelet", said)
    return said


def _stopped(session: Session, pod: Json, container: str | None, match: str | None) -> str | None:
    seen = _seen(session, pod, container)
    chosen = [one for one in seen if re.search(match, one.words)] if match else _of_the_first(seen)
    if not chosen or any(one.state not in "Tt" for one in chosen):
        return None
    return (
        f"{_name(pod)}: {len(chosen)} processes stand still (state T), such as {chosen[0].words.strip()[:60]}"
    )


def _of_the_first(seen: list[Seen]) -> list[Seen]:
    """The container's first process and all that came of it: an init alone may stand still, and its service go on."""
    family = {"1"}
    while grown := {one.id for one in seen if one.parent in family} - family:
        family |= grown
    return [one for one in seen if one.id in family]


def _alive(session: Session, pod: Json, container: str | None, match: str | None) -> frozenset[str]:
    """What must be gone once the signal has hit: these processes by id and beginning, or this very container."""
    if match is None:
        return frozenset({str(status_of(pod, container).get("containerID"))})
    seen = {f"{one.id} {one.began}" for one in _seen(session, pod, container) if re.search(match, one.words)}
    if not seen:
        raise TargetError(f"{_name(pod)}: no process matches {match!r}")
    return frozenset(seen)


def _hit(
    session: Session, pod: Json, container: str | None, match: str | None, before: frozenset[str]
) -> str | None:
    try:
        now = session.kube.one("v1/Pod", pod["metadata"]["namespace"], _name(pod))
        if match and not before & _alive(session, now, container, match):
            return f"{_name(pod)}: {len(before)} processes are gone"
        status = status_of(now, container)
    except NotFound:
        return f"{_name(pod)} is gone"
    except TargetError:
        return None
    ended = (status["state"].get("terminated") or (status.get("lastState") or {}).get("terminated")) or {}
    if match or str(ended.get("containerID")) not in before:
        return None
    code, times = ended.get("exitCode"), status.get("restartCount", 0)
    return f"{_name(pod)}: container {status['name']} ended with {code}, restarted {times} times by now"


def _seen(session: Session, pod: Json, container: str | None) -> list[Seen]:
    """Every process as the container itself sees it."""
    code, said = heard(session, pod, container, _LOOK)
    if code:
        raise NoEvidence(f"{_name(pod)}: its processes cannot be seen: {said[-200:]}")
    lines = (line.split(None, 4) for line in said.splitlines())
    # Our own look is one of them.
    return [Seen(*words) for words in lines if len(words) == 5 and "stat 2>/dev/null" not in words[4]]


def _name(pod: Json) -> str:
    return str(pod["metadata"]["name"])
