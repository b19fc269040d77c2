"""A crowd as a child process, and what a platform gave it: Locust never enters this process."""

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rundrill.crowd import Crowd, instant
from rundrill.doorway import key_file, relayed
from rundrill.errors import NoEvidence, TargetError
from rundrill.evidence import CapacitySeen, KeptSeen, Raw
from rundrill.gateway.refusals import NotFound
from rundrill.meanwhile import Ask, Meanwhile
from rundrill.policy import Policy
from rundrill.promise import Promise
from rundrill.session import Session
from rundrill.target import ServiceAddress
from rundrill.waiting import until

AHEAD = -5
BEGINS_WITHIN = timedelta(seconds=60)
ENDS_WITHIN = timedelta(seconds=15)
MORE = 1.01
"""A capacity promise counts good answers: one more in a hundred arrivals leaves room for the errors it allows."""
SPARE = timedelta(seconds=1)
"""Arrivals go on for so long after the last bucket, so that it is whole."""


@dataclass
class Load:
    """A crowd at work, and the lines it writes."""

    name: str
    crowd: Crowd
    child: subprocess.Popen[bytes]
    tunnel: tuple[str, int] | None
    """The loopback end of a forward to the front door; None where the crowd stands inside the cluster."""

    def check_tunnel(self) -> None:
        """NoEvidence where the forward broke: what then failed was our way in, and not the platform."""
        if self.tunnel is None:
            return
        try:
            socket.create_connection(self.tunnel, timeout=2).close()
        except OSError as error:
            raise NoEvidence(f"the way of the crowd {self.name} to the front door broke: {error}") from None

    def stop(self) -> Crowd:
        """All that it wrote, after it was told to end and closed its file."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        return self.finish(ENDS_WITHIN)

    def finish(self, within: timedelta) -> Crowd:
        """All that it wrote, once its plan is over; NoEvidence where it does not end."""
        try:
            self.child.wait(within.total_seconds())
        except subprocess.TimeoutExpired:
            raise NoEvidence(f"the crowd {self.name} did not end within {within}") from None
        return self.crowd.read()


@contextlib.contextmanager
def at_work(
    session: Session, slug: str, name: str, lines: Path, lasts: timedelta, rate: float | None = None
) -> Iterator[Load]:
    """A crowd that has begun, at the platform's front door; ended with the context, whatever happens there."""
    platform = session.platform(slug)
    with contextlib.ExitStack() as ending:
        door = session.ingress(slug)
        address = ending.enter_context(front_door(session, door))
        environment = os.environ | {"LOCUST_SKIP_UPDATE_CHECK": "1"}
        if platform.ingress_key:
            environment["CROWD_KEY_FILE"] = str(ending.enter_context(key_file(session, platform.ingress_key)))
        command = _command(
            session,
            platform.ingress_hosts,
            door,
            address,
            find(session.policy, "loadtests", f"{name}.py"),
            lines,
        )
        command += ["--seconds", f"{lasts.total_seconds():g}", *(["--rate", f"{rate:g}"] if rate else [])]
        log = ending.enter_context(lines.with_suffix(".log").open("wb"))
        child = subprocess.Popen(
            command,
            cwd=lines.parent,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=environment,
        )
        ending.callback(_end, child)
        put_ahead(child.pid)
        load = Load(name, Crowd(lines), child, None if session.target.inside else address)
        if not until(lambda: load.crowd.read().began or child.poll() is not None, BEGINS_WITHIN):
            raise NoEvidence(f"the crowd {name} did not begin within {BEGINS_WITHIN.seconds} s")
        if load.crowd.began is None:
            raise NoEvidence(f"the crowd {name} ended at once: {_last_words(lines.with_suffix('.log'))}")
        # Not before: what Locust does to start would keep a processor from everybody else for seconds.
        put_on_time(child.pid)
        yield load


def put_ahead(pid: int) -> None:
    """A crowd that waits for the processor would blame the platform for its own lateness; without the right to it, it waits."""
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, pid, AHEAD)
    # Where the kernel groups processes by session, the value above only ranks a session's own among each other.
    with contextlib.suppress(PermissionError, FileNotFoundError):
        Path(f"/proc/{pid}/autogroup").write_text(str(AHEAD))


def put_on_time(pid: int) -> None:
    """A crowd that wakes when an arrival is due, however many others want the processor; without the right to it, it waits."""
    with contextlib.suppress(PermissionError, ProcessLookupError, AttributeError):
        os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(1))


@contextlib.contextmanager
def front_door(session: Session, door: ServiceAddress) -> Iterator[tuple[str, int]]:
    """Host and port of the ingress: its own inside the cluster, a forward of its own outside."""
    if session.target.inside:
        yield session.reach(door.service)
        return
    if door.relayed:
        with relayed(session, door.service) as address:
            yield address
        return
    namespace, _, named = door.service.partition("/")
    name, _, port = named.partition(":")
    with session.kube.forward(namespace, f"svc/{name}", int(port)) as address:
        yield address


def own_directory(run: Path, name: str) -> Path:
    """A new directory for one experiment or crowd: hops and arrivals that an earlier one left must not mix with its own."""
    evidence = run.resolve() / "evidence"
    evidence.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        directory = evidence / (name if number == 1 else f"{name}-{number}")
        with contextlib.suppress(FileExistsError):
            directory.mkdir()
            return directory
    raise AssertionError("numbers have ended")


def find(policy: Policy, folder: str, name: str) -> Path:
    """A file beside the policy, or beside the engine where the policy has none of its own."""
    places = (policy.path.resolve().parent, Path(__file__).resolve().parents[2])
    for place in places:
        if (place / folder / name).exists():
            return place / folder / name
    raise TargetError(f"there is no {folder}/{name} beside {policy.path}")


def see_capacity(promise: Promise, session: Session, ask: Ask) -> tuple[CapacitySeen, tuple[Raw, ...]]:
    """What a crowd of the promised rate got for as long as promised, in the profile's time; `ask` looks at states."""
    capacity = promise.capacity
    assert capacity is not None
    lasts, beside = session.profile.pace(capacity.lasts), Meanwhile(promise, session, ask)
    directory = own_directory(session.directory, capacity.crowd)
    rate, lines = capacity.rate.per_second * MORE, directory / "crowd.jsonl"
    with at_work(session, session.slug(promise), capacity.crowd, lines, lasts + SPARE, rate) as load:
        states = beside.under_load(lasts)
        crowd = load.finish(lasts + SPARE + BEGINS_WITHIN)
        load.check_tunnel()
    seen = _capacity_seen(promise, session.policy, crowd, min(capacity.rate.per, lasts))
    return replace(seen, states=states, then=beside.left()), (_raw(lines, crowd),)


def _capacity_seen(promise: Promise, policy: Policy, crowd: Crowd, bucket: timedelta) -> CapacitySeen:
    capacity = promise.capacity
    assert capacity is not None
    if crowd.began is None or crowd.ended is None:
        raise NoEvidence(f"{promise.id}: the crowd's file is cut short")
    until_ = min(crowd.ended, crowd.plan[-1]) if crowd.plan else crowd.ended
    return CapacitySeen(
        planned_rate=crowd.rate,
        phases=(crowd.phase("load", instant(crowd.began), instant(until_)),),
        good_per_bucket=crowd.good_per_bucket(bucket),
        bucket=bucket,
        lost=crowd.lost(),
        # What is no objective no crowd can see: the judge says that it was not measured.
        kept=tuple(_kept(kept, crowd) for kept in map(policy.promise, capacity.keeps) if kept.objective),
    )


def _kept(promise: Promise, crowd: Crowd) -> KeptSeen:
    objective = promise.objective
    assert objective is not None
    sent = [arrival for arrival in crowd.arrivals if arrival.sent]
    good = sum(arrival.good(objective.within) for arrival in sent)
    return KeptSeen(promise.id, objective.target, good, len(sent))


def _raw(lines: Path, crowd: Crowd) -> Raw:
    counted = {"planned": len(crowd.plan), "written": len(crowd.arrivals), "rate": crowd.rate}
    return Raw("load", f"evidence/{lines.parent.name}/{lines.name}", counted, datetime.now(UTC))


def _command(
    session: Session,
    hosts: Mapping[str, str],
    door: ServiceAddress,
    address: tuple[str, int],
    file: Path,
    lines: Path,
) -> list[str]:
    named = ",".join(f"{role}={name}" for role, name in hosts.items())
    words = ["--headless", "--users", "1", "--only-summary", "--parent", str(os.getpid())]
    words += ["--host", f"{door.scheme}://{address[0]}:{address[1]}", "--hosts", named]
    authority = _authority(session, door, lines.parent / "ingress-ca.crt")
    words += ["--lines", str(lines), *(["--ca", str(authority)] if authority else [])]
    return [sys.executable, "-m", "locust", "-f", str(file), *words]


def _authority(session: Session, door: ServiceAddress, path: Path) -> Path | None:
    """The file of the authority that signed the ingress; None where the system's own are to be believed."""
    namespace = door.service.partition("/")[0]
    try:
        path.write_text(session.kube.one("v1/ConfigMap", namespace, "ingress-ca")["data"]["ca.crt"])
    except NotFound:
        return None
    return path


def _last_words(log: Path) -> str:
    return " ".join(log.read_text(errors="replace").split())[-300:]


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(ENDS_WITHIN.total_seconds())
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
