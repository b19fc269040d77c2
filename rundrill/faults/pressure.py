"""CPU and memory of containers are used up from inside, within the bounds that the containers have."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence, TargetError
from rundrill.faults import inside, selected
from rundrill.faults.selected import heard, pick, status_of
from rundrill.gateway.kubernetes import Json, NotFound
from rundrill.ledger import LASTS
from rundrill.objectpath import quantity
from rundrill.session import Session
from rundrill.units import ratio
from rundrill.waiting import until

BITES_WITHIN = timedelta(seconds=40)
EATERS = 64
"""Many small ones: the kernel then ends the service as the largest, and not one of ours."""
BUSY = 0.5
"""The share of what the container could get that it must have used to be under pressure; the node may be busy too."""
_LASTS_S = int(LASTS.total_seconds())
# A word in their environment tells our processes, and all that they start, from the service's.
_END = """
ours() { grep -lsa RUNDRILL_PRESSURE=1 /proc/[0-9]*/environ | cut -d/ -f3; }
for try in 1 2 3 4 5 6 7 8 9 10; do
    found=$(ours); [ -n "$found" ] || exit 0
    kill -9 $found 2>/dev/null; sleep 0.2
done
echo "still there: $found" >&2; exit 8
"""
_BURN = """
export RUNDRILL_PRESSURE=1
for n in $(seq {workers}); do timeout {lasts} sh -c 'while :; do :; done' </dev/null >/dev/null 2>&1 & done
"""
_FILL = """
echo 1000 > /proc/$$/oom_score_adj; export RUNDRILL_PRESSURE=1
for n in $(seq {eaters}); do
    sh -c '{{ head -c {bytes} /dev/zero; sleep {lasts}; }} | tail' </dev/null >/dev/null 2>&1 &
done
"""
# Ours inherit what the container's processes are marked with: unless those are marked higher, one of ours may go first.
_OVERFILL = """
for p in $(cd /proc && echo [0-9]*); do [ $p = $$ ] || echo 1000 > /proc/$p/oom_score_adj; done 2>/dev/null
""" + _FILL.partition("; ")[2]
# Step by step, since each of ours takes a little of its own beside what it eats.
_FILL_TO = """
echo 1000 > /proc/$$/oom_score_adj; export RUNDRILL_PRESSURE=1
f=/sys/fs/cgroup/memory/memory.usage_in_bytes; [ -r $f ] || f=/sys/fs/cgroup/memory.current
for n in $(seq 40); do
    gap=$(({target} - $(cat $f))); [ $gap -gt 1500000 ] || exit 0
    sh -c "{{ head -c $((gap * 3 / 4 - 600000)) /dev/zero; sleep {lasts}; }} | tail" </dev/null >/dev/null 2>&1 &
    sleep 0.3
done
"""
_CPU = """
f=/sys/fs/cgroup/cpuacct/cpuacct.usage; [ -r $f ] || f=/sys/fs/cgroup/cpu.stat
used() { case $f in *usage) cat $f;; *) sed -n 's/usage_usec \\(.*\\)/\\1000/p' $f;; esac; }
a=$(used); s=$(date +%s%N); sleep 2; b=$(used); e=$(date +%s%N); echo $(((b - a) * 1000 / (e - s)))
"""
_MEMORY = """
d=/sys/fs/cgroup/memory
if [ -r $d/memory.usage_in_bytes ]; then echo $(cat $d/memory.usage_in_bytes) $(cat $d/memory.limit_in_bytes)
else echo $(cat /sys/fs/cgroup/memory.current) $(cat /sys/fs/cgroup/memory.max); fi
"""


def preview(session: Session, namespace: str, selector: str, count: int | None) -> guard.Preview:
    """The first running pods by name, as many as are asked for; all of them where nothing is said."""
    return selected.preview("pressure", session, namespace, selector, count)


def burn_cpu(
    namespace: str,
    selector: str,
    configuration: Mapping[str, Any],
    workers: int = 2,
    container: str | None = None,
    count: int | None = None,
) -> str:
    """What showed that the CPU is used up: the time that the container's own cgroup counts."""
    session = child.session()
    picked = pick(session, configuration, "burn CPU", (namespace, selector), count)
    begin = _BURN.format(workers=workers, lasts=_LASTS_S)
    for pod in picked.pods:
        _cpu(session, pod, container)  # What cannot be counted now could not be proven later.
    inside.begin_in(session, picked, begin, _END, container)
    proofs = [until(partial(_burns, session, pod, container, workers), BITES_WITHIN) for pod in picked.pods]
    return _proven(proofs, picked.names, "the CPU is not used up")


def fill_memory(
    namespace: str,
    selector: str,
    configuration: Mapping[str, Any],
    share: str = "90%",
    container: str | None = None,
    count: int | None = None,
) -> str:
    """What showed that memory is full to that share of its limit: the container's own cgroup."""
    session, wanted = child.session(), ratio(share)
    picked = pick(session, configuration, "fill memory", (namespace, selector), count)
    limits = {_memory(session, pod, container)[1] for pod in picked.pods}
    if len(limits) != 1:
        raise TargetError(f"{picked.names} have not the same memory limit: {sorted(limits)}")
    target = int(wanted * limits.pop())
    inside.begin_in(session, picked, _FILL_TO.format(target=target, lasts=_LASTS_S), _END, container)
    proofs = [until(partial(_filled, session, pod, container, wanted), BITES_WITHIN) for pod in picked.pods]
    return _proven(proofs, picked.names, f"memory is not {share} full")


def run_out_of_memory(
    namespace: str,
    selector: str,
    configuration: Mapping[str, Any],
    container: str | None = None,
    count: int | None = 1,
) -> str:
    """What showed that the kernel ended the container for want of memory: OOMKilled, as the kubelet tells."""
    session = child.session()
    picked = pick(session, configuration, "run out of memory", (namespace, selector), count)
    most = max(_memory(session, pod, container)[1] for pod in picked.pods)
    before = {_name(pod): int(status_of(pod, container).get("restartCount", 0)) for pod in picked.pods}
    begin = _OVERFILL.format(eaters=EATERS, bytes=int(1.3 * most) // EATERS, lasts=_LASTS_S)
    inside.begin_in(session, picked, begin, _END, container, may_die=True)
    proofs = [
        until(partial(_killed, session, pod, container, before[_name(pod)]), BITES_WITHIN)
        for pod in picked.pods
    ]
    return _proven(proofs, picked.names, "nothing was OOMKilled")


def _proven(proofs: list[str | None], names: str, otherwise: str) -> str:
    if not all(proofs):
        raise NoEvidence(f"{names}: {otherwise} within {BITES_WITHIN}")
    said = "; ".join(str(proof) for proof in proofs)
    hops.note(child.directory(), "fault_proven", datetime.now(UTC), "cgroup, kubelet", said)
    return said


def _burns(session: Session, pod: Json, container: str | None, workers: int) -> str | None:
    used, cores = _cpu(session, pod, container)
    spec = next(c for c in pod["spec"]["containers"] if container in (None, c["name"]))
    limit = ((spec.get("resources") or {}).get("limits") or {}).get("cpu")
    most = min(workers, cores, quantity(limit) if limit else cores)
    if used < BUSY * most:
        return None
    return f"{_name(pod)} uses {used:.2f} of {most:g} CPUs"


def _filled(session: Session, pod: Json, container: str | None, wanted: float) -> str | None:
    used, limit = _memory(session, pod, container)
    if used < (wanted - 0.03) * limit:
        return None
    return f"{_name(pod)} uses {used / limit:.0%} of its {limit // 2**20} MiB"


def _killed(session: Session, pod: Json, container: str | None, before: int) -> str | None:
    try:
        status = status_of(session.kube.one("v1/Pod", pod["metadata"]["namespace"], _name(pod)), container)
    except (NotFound, TargetError):
        return None
    ends = [(status.get(which) or {}).get("terminated") or {} for which in ("state", "lastState")]
    since = int(status.get("restartCount", 0))
    if not any(end.get("reason") == "OOMKilled" for end in ends) or (since == before and not ends[0]):
        return None
    return f"{_name(pod)}: container {status['name']} was OOMKilled, restarted {since} times by now"


def _cpu(session: Session, pod: Json, container: str | None) -> tuple[float, int]:
    """CPUs in use over two seconds, and how many there are."""
    code, said = heard(session, pod, container, f"{_CPU}nproc")
    if code or len(said.split()) != 2:
        raise NoEvidence(f"{_name(pod)}: its CPU time cannot be read: {said[-200:]}")
    return int(said.split()[0]) / 1000, int(said.split()[1])


def _memory(session: Session, pod: Json, container: str | None) -> tuple[int, int]:
    """Bytes in use, and the limit; TargetError where there is none, since the whole node would suffer."""
    code, said = heard(session, pod, container, _MEMORY)
    words = said.split()
    if code or len(words) != 2:
        raise NoEvidence(f"{_name(pod)}: its memory cannot be read: {said[-200:]}")
    if not words[1].isdecimal() or int(words[1]) > 2**50:
        raise TargetError(f"{_name(pod)} has no memory limit: filling it would fill the node; refused")
    return int(words[0]), int(words[1])


def _name(pod: Json) -> str:
    return str(pod["metadata"]["name"])
