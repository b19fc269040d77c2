"""Connections of a pod are refused, cut, swallowed or slowed to a trickle, inside the pod's own network.

`port` and `peer` (`namespace/service`, or an address) narrow what is hit. Direction `out` is what leaves for that port,
`in` what arrives at it; without a port everything in that direction is hit, answers too.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence, TargetError
from rundrill.faults import attempt, selected
from rundrill.faults.aim import Aim, aimed
from rundrill.faults.attempt import Attempt
from rundrill.faults.grip import Scripts
from rundrill.faults.hand import take_hold
from rundrill.faults.selected import Picked, heard, pick
from rundrill.session import Session
from rundrill.waiting import until

BITES_WITHIN = timedelta(seconds=30)
# What leaves in two seconds of trying to send four megabytes to an address that nobody has (RFC 5737).
_POUR = """
f=/sys/class/net/eth0/statistics/tx_bytes; a=$(cat $f); timeout 2 bash -c '
x=$(printf %08000d 0); for i in {1..500}; do exec 3>/dev/udp/192.0.2.1/9; printf %s $x >&3; done' 2>/dev/null
b=$(cat $f); echo $((b - a))
"""
_DEVICE = 'dev="$(within ip -o route show default | sed -E "s/.* dev ([^ ]+).*/\\1/" | head -1)"'


def preview(session: Session, namespace: str, selector: str, count: int | None) -> guard.Preview:
    """The first running pods by name, as many as are asked for; all of them where nothing is said."""
    return selected.preview("network", session, namespace, selector, count)


def refuse(
    namespace: str,
    selector: str,
    configuration: Mapping[str, Any],
    port: int | None = None,
    peer: str | None = None,
    direction: str = "out",
    count: int | None = None,
) -> str:
    """What showed that new connections are refused: one that was tried, where port and peer say which."""
    rule = ("-p tcp --syn", "-j REJECT --reject-with tcp-reset")
    return _disturb("refuse", (namespace, selector), configuration, (direction, port, peer), rule, count)


def reset(
    namespace: str,
    selector: str,
    configuration: Mapping[str, Any],
    port: int | None = None,
    peer: str | None = None,
    direction: str = "out",
    count: int | None = None,
) -> str:
    """What showed that connections are cut once they are made, old ones and new: one that was tried."""
    rule = ("-p tcp ! --syn", "-j REJECT --reject-with tcp-reset")
    return _disturb("reset", (namespace, selector), configuration, (direction, port, peer), rule, count)


def drop(
    namespace: str,
    selector: str,
    configuration: Mapping[str, Any],
    port: int | None = None,
    peer: str | None = None,
    direction: str = "out",
    count: int | None = None,
) -> str:
    """What showed that packets vanish without a word: a connection that was tried."""
    rule = ("-p tcp" if port else "", "-j DROP")
    return _disturb("drop", (namespace, selector), configuration, (direction, port, peer), rule, count)


def lose_dns(
    namespace: str,
    selector: str,
    configuration: Mapping[str, Any],
    how: str = "drop",
    count: int | None = None,
) -> str:
    """What showed that names are not resolved any more: one that was before; `how` is drop or refuse."""
    if how not in ("drop", "refuse"):
        raise TargetError(f"how {how!r} is neither drop nor refuse")
    session = child.session()
    picked = pick(session, configuration, "lose DNS", (namespace, selector), count)
    attempt.must_work(session, picked, Attempt.name())
    verdict = "-j DROP" if how == "drop" else "-j REJECT"
    aims = [Aim("out", 53, ()).rule(f"-p {protocol}", verdict) for protocol in ("udp", "tcp")]
    take_hold(session, picked, _scripts([rule for rules in aims for rule in rules]), f"DNS {how}")
    return attempt.must_fail(session, picked, Attempt.name(), BITES_WITHIN)


def narrow(
    namespace: str,
    selector: str,
    configuration: Mapping[str, Any],
    rate: str = "256kbit",
    count: int | None = None,
) -> str:
    """What showed that the pod's way out is narrow: the bytes that left it in two seconds of trying."""
    said = re.fullmatch(r"(\d+)(kbit|mbit)", rate)
    if said is None:
        raise TargetError(f"rate {rate!r} is none (try 256kbit)")
    most = int(said[1]) * (125 if said[2] == "kbit" else 125_000) * 2
    session = child.session()
    picked = pick(session, configuration, "narrow", (namespace, selector), count)
    if (seen := _poured(session, picked)) < 2 * most:
        raise NoEvidence(f"{seen} bytes left in two seconds before the fault: {rate} would not narrow that")
    begin = f'{_DEVICE}; within tc qdisc add dev "$dev" root tbf rate {rate} burst 16kb latency 300ms'
    end = f'{_DEVICE}; within tc qdisc del dev "$dev" root 2>/dev/null || true\n' + (
        'if within tc qdisc show dev "$dev" | grep -q tbf; then echo "the link is still narrow" >&2; exit 8; fi'
    )
    still = f'{_DEVICE}; within tc qdisc show dev "$dev" | grep -q tbf'
    take_hold(session, picked, Scripts(begin, end, still=still), f"tbf {rate}")
    # The bucket's first burst and what the service itself sends come on top.
    seen_then: list[int] = []

    def narrowed() -> bool:
        seen_then.append(_poured(session, picked))
        return seen_then[-1] <= 1.5 * most + 50_000

    if not until(narrowed, BITES_WITHIN):
        raise NoEvidence(f"more than {rate} still leaves {picked.names} {BITES_WITHIN} after it was narrowed")
    return _proven(f"{picked.names}: at most {seen_then[-1]} bytes left in two seconds, before {seen}")


def _disturb(
    what: str,
    where: tuple[str, str],
    configuration: Mapping[str, Any],
    at: tuple[str, int | None, str | None],
    rule: tuple[str, str],
    count: int | None,
) -> str:
    session = child.session()
    picked = pick(session, configuration, what, where, count)
    aim = aimed(session, str(configuration["runbook"]), *at)
    if aim.port is None and what != "drop":
        raise TargetError(f"{what}: say which port, or `drop` everything")
    tried = Attempt.of(aim, cut=what == "reset")
    if tried:
        attempt.must_work(session, picked, tried)
    said = take_hold(session, picked, _scripts(aim.rule(*rule)), f"{what} {aim}")
    if tried is None:
        return f"{said}; nothing to try a connection with: the experiment must prove it"
    return attempt.must_fail(session, picked, tried, BITES_WITHIN)


def _scripts(rules: list[str]) -> Scripts:
    """The rules laid, and each taken away however often it is there; the end looks for what is left of them."""
    begin = "\n".join(f"within iptables -w 5 -I {rule}" for rule in rules)
    end = "\n".join(f"while within iptables -w 5 -D {rule} 2>/dev/null; do :; done" for rule in rules)
    left = 'if within iptables -w 5 -S | grep -q -- "$OF"; then echo "rules are left" >&2; exit 8; fi'
    there = f'[ "$(within iptables -w 5 -S | grep -c -- "$OF")" -ge {len(rules)} ]'
    return Scripts(begin, f"{end}\n{left}", still=there)


def _poured(session: Session, picked: Picked) -> int:
    """The most bytes that left one of the pods in two seconds of trying."""
    said = [heard(session, pod, None, _POUR) for pod in picked.pods]
    if wrong := [words for code, words in said if code or not words.isdecimal()]:
        raise NoEvidence(f"what leaves the pods cannot be counted: {wrong[0][-200:]}")
    return max(int(words) for _, words in said)


def _proven(said: str) -> str:
    hops.note(child.directory(), "fault_proven", datetime.now(UTC), "pod", said)
    return said
