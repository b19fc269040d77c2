"""Connections of a pod become slow: netem where the kernel has it, else a proxy of ours in the path."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence, TargetError
from rundrill.faults import selected, slow_way
from rundrill.faults.aim import Aim, aimed
from rundrill.faults.grip import Scripts
from rundrill.faults.hand import take_hold
from rundrill.faults.selected import heard, pick
from rundrill.gateway.kubernetes import Json, Refused
from rundrill.session import Session
from rundrill.units import duration
from rundrill.waiting import until

BITES_WITHIN = timedelta(seconds=30)
LISTENS = 15951
"""The port that connections are led to, inside the pod's network."""
ENOUGH = 0.7
"""The share of the promised delay that must show: what jitter takes away, and more than noise adds."""
_TIMED = r"""
s=$(date +%s%N); timeout 10 bash -c 'exec 3<>/dev/tcp/{host}/{port} || exit 3; printf "{words}" >&3
IFS= read -r -n 1 -d "" -t 9 x <&3 || exit 4' || exit $?; e=$(date +%s%N); echo $(((e - s) / 1000000))
"""
_HTTP = r"GET / HTTP/1.0\r\n\r\n"
WORDS = {5432: r"\x00\x00\x00\x08\x04\xd2\x16\x2f", 6379: r"PING\r\n"}
"""What makes a server of that port say its first byte: PostgreSQL's question for TLS, Redis' PING; HTTP for all others."""

_MS = timedelta(milliseconds=1)
_DEVICE = 'dev="$(within ip -o route show default | sed -E "s/.* dev ([^ ]+).*/\\1/" | head -1)"'
_BEGIN = (
    _DEVICE
    + """
if within tc qdisc add dev lo root netem delay 0ms 2>/dev/null; then
    within tc qdisc del dev lo root
    within tc qdisc add dev "$dev" root handle 1: prio
    within tc qdisc add dev "$dev" parent 1:3 handle 30: netem delay {both_ms:.0f}ms {jitter_ms:.0f}ms
    within tc filter add dev "$dev" parent 1: protocol ip prio 1 u32 {filter} flowid 1:3
else
    within python3 -m rundrill.faults.slow_way {serve} &
    for try in $(seq 100); do
        ! within bash -c 'exec 3<>/dev/tcp/127.0.0.1/{listens}' 2>/dev/null || break
        sleep 0.1
    done
    {rules}
fi
"""
)
_STILL = (
    _DEVICE
    + """
within tc qdisc show dev "$dev" | grep -q netem || within iptables -w 5 -t nat -S | grep -q -- "$OF"
"""
)
_END = (
    'if within iptables -w 5 -t nat -S | grep -q -- "$OF"; then echo "rules are left" >&2; exit 8; fi\n'
    + _DEVICE
    + """
if within tc qdisc show dev "$dev" | grep -q netem; then within tc qdisc del dev "$dev" root; fi
"""
)


def preview(session: Session, namespace: str, selector: str, count: int | None) -> guard.Preview:
    """The first running pods by name, as many as are asked for; all of them where nothing is said."""
    return selected.preview("slow", session, namespace, selector, count)


def slow(
    namespace: str,
    selector: str,
    port: int,
    configuration: Mapping[str, Any],
    latency: str = "500ms",
    jitter: str = "0ms",
    direction: str = "in",
    peer: str | None = None,
    count: int | None = None,
) -> str:
    """What showed that it is slow: the time to a server's first byte, before and after. `latency` is added each way.

    Direction `in` slows what arrives at the port, `out` what leaves for it; that needs a peer to try.
    """
    session = child.session()
    picked = pick(session, configuration, "slow", (namespace, selector), count)
    aim = aimed(session, str(configuration["runbook"]), direction, port, peer)
    if direction == "out" and not aim.peers:
        raise TargetError("slow: on the way out it needs a peer")
    wait, shake = duration(latency), duration(jitter)
    before = {_name(pod): _took(session, pod, aim) for pod in picked.pods}
    take_hold(session, picked, _scripts(aim, wait, shake), f"{latency} each way, {aim}")
    least = timedelta(seconds=ENOUGH * (2 * wait - shake).total_seconds())
    slower = [until(partial(_slower, session, pod, aim, before, least), BITES_WITHIN) for pod in picked.pods]
    if not all(slower):
        raise NoEvidence(f"{picked.names}: no {least} slower {BITES_WITHIN} after the fault was laid")
    said = "; ".join(str(one) for one in slower)
    hops.note(child.directory(), "fault_proven", datetime.now(UTC), "pod", said)
    return said


def _scripts(aim: Aim, wait: timedelta, shake: timedelta) -> Scripts:
    """netem on the way out, both ways' delay at once; where there is none, the proxy, and rules that lead to it."""
    mark = f"-m mark ! --mark {slow_way.MARK:#x}" if aim.direction == "out" else ""
    rules = aim.rule(
        f"-p tcp {mark}", f"-j REDIRECT --to-ports {LISTENS}", ("OUTPUT -t nat", "PREROUTING -t nat")
    )
    which = "dport" if aim.direction == "out" else "sport"
    far = f"match ip dst {aim.peers[0]} " if aim.peers and aim.direction == "out" else ""
    begin = _BEGIN.format(
        both_ms=2 * wait / _MS,
        jitter_ms=2 * shake / _MS,
        filter=f"{far}match ip {which} {aim.port} 0xffff",
        serve=f"--port {LISTENS} --latency {wait.total_seconds()} --jitter {shake.total_seconds()}",
        listens=LISTENS,
        rules="\n".join(f"within iptables -w 5 -I {rule}" for rule in rules),
    )
    taken = "\n".join(f"while within iptables -w 5 -D {rule} 2>/dev/null; do :; done" for rule in rules)
    return Scripts(begin, f"{taken}\n{_END}", still=_STILL)


def _took(session: Session, pod: Json, aim: Aim) -> timedelta:
    """The shortest of three times to the first byte: of a request by way of the API server, or from inside the pod."""
    return min(_once(session, pod, aim) for _ in range(3))


def _once(session: Session, pod: Json, aim: Aim) -> timedelta:
    if aim.direction == "in":
        began = time.monotonic()
        try:
            session.kube.pod_get(pod["metadata"]["namespace"], _name(pod), int(aim.port or 0), "/", 10)
        except Refused as error:
            # A server that does not speak HTTP has answered all the same.
            if "malformed" not in str(error) and "EOF" not in str(error):
                raise NoEvidence(f"{_name(pod)}: port {aim.port} does not answer: {error}") from None
        return timedelta(seconds=time.monotonic() - began)
    words = WORDS.get(int(aim.port or 0), _HTTP)
    code, said = heard(
        session, pod, None, _TIMED.format(host=aim.peers[0].partition("/")[0], port=aim.port, words=words)
    )
    if code or not said.isdecimal():
        raise NoEvidence(
            f"{_name(pod)}: port {aim.port} of {aim.peers[0]} says nothing: {code} {said[-200:]}"
        )
    return timedelta(milliseconds=int(said))


def _slower(
    session: Session, pod: Json, aim: Aim, before: Mapping[str, timedelta], least: timedelta
) -> str | None:
    now, then = _took(session, pod, aim), before[_name(pod)]
    if now - then < least:
        return None
    return f"{_name(pod)}: first byte after {now / _MS:.0f} ms, before the fault {then / _MS:.0f} ms"


def _name(pod: Json) -> str:
    return str(pod["metadata"]["name"])
