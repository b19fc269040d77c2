"""One run of faults at a time on a target, and the pulse that says it is alive: a Lease in the namespace `rundrill`.

Whoever holds it renews it every few seconds; the undoer in the cluster takes a pulse that stops for the end of the run,
and undoes what is open. A stop is written onto it too, so that runner and undoer both see it.
"""

import contextlib
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from rundrill.errors import RundrillError, TargetError
from rundrill.gateway.kubernetes import Conflict, Json, Kube, NotFound

API, NAMESPACE, NAME = "coordination.k8s.io/v1/Lease", "rundrill", "run"
STOPPED = "rundrill.dev/stopped"
"""The annotation that stops a run: when, and by whom."""
BEATS = timedelta(seconds=2)
DEAD_AFTER = timedelta(seconds=15)
"""Without a beat for so long, a run is taken for dead."""
LONG_DEAD = timedelta(minutes=2)
"""A Lease that was last renewed so long ago needs no watching to be taken for dead, whatever the clocks say."""


@dataclass(frozen=True)
class Pulse:
    """The Lease as it stands: whose it is, when it was renewed, and whether somebody stopped the run."""

    holder: str
    """The run's name; "" where nobody holds it."""
    renewed: datetime
    version: str
    """Changes with every beat."""
    stopped: str | None = None


def run_name(directory: Path) -> str:
    """The folder's name as Kubernetes allows it in names and labels, and a few letters that make it the only one."""
    words = re.sub(r"[^a-z0-9]+", "-", directory.name.lower()).strip("-")[:40] or "run"
    return f"{words}-{uuid4().hex[:6]}"


def read(kube: Kube) -> Pulse | None:
    """The pulse; None where no run ever took the Lease."""
    try:
        return _pulse(kube.one(API, NAMESPACE, NAME))
    except NotFound:
        return None


def take(kube: Kube, run: str, say: Callable[[str], None] = lambda line: None) -> None:
    """The Lease is this run's; TargetError where another run is alive, after watching it for a beat."""
    there = read(kube)
    if there is None:
        with contextlib.suppress(Conflict):
            kube.create(API, NAMESPACE, {"metadata": {"name": NAME}, "spec": _spec(run)})
            return
        there = read(kube)
    if there and there.holder not in ("", run):
        _refuse_the_living(kube, there, say)
        there = read(kube)
    try:
        _write(kube, run, there.version if there else None, {STOPPED: None})
    except Conflict:
        raise TargetError("another run took the Lease at the same moment: one game day at a time") from None


def release(kube: Kube, run: str) -> None:
    """Nobody holds the Lease, where this run did."""
    there = read(kube)
    if there and there.holder == run:
        with contextlib.suppress(Conflict):
            _write(kube, "", there.version)


def stop(kube: Kube, why: str) -> str | None:
    """The run that was told to stop; None where none holds the Lease."""
    there = read(kube)
    if there is None or not there.holder:
        return None
    kube.patch(API, NAMESPACE, NAME, {"metadata": {"annotations": {STOPPED: why}}})
    return there.holder


@contextlib.contextmanager
def beating(kube: Kube, run: str, on_end: Callable[[str], None] | None = None) -> Iterator[None]:
    """Renews the Lease while the context lasts, and gives it back; `on_end` hears why it is no longer this run's.

    Where nothing is said, the process interrupts itself, which undoes and reports as Ctrl-C does.
    """
    over = threading.Event()
    beats = threading.Thread(
        target=_beat, args=(kube, run, over, on_end or _interrupt), name="pulse", daemon=True
    )
    beats.start()
    try:
        yield
    finally:
        over.set()
        beats.join(BEATS.total_seconds() * 2)
        with contextlib.suppress(RundrillError):
            release(kube, run)


def _beat(kube: Kube, run: str, over: threading.Event, on_end: Callable[[str], None]) -> None:
    while not over.wait(BEATS.total_seconds()):
        try:
            there = read(kube)
            if there is None or there.holder != run:
                return on_end(
                    f"{run} no longer holds the Lease (found {there.holder if there else 'none'!r})"
                )
            if there.stopped:
                return on_end(f"stopped: {there.stopped}")
            _write(kube, run, there.version)
        except RundrillError:
            # The API server may be away for a moment: if it stays away, the undoer hears no beat either.
            continue
    return None


def _interrupt(why: str) -> None:
    os.kill(os.getpid(), signal.SIGINT)


def _refuse_the_living(kube: Kube, there: Pulse, say: Callable[[str], None]) -> None:
    if datetime.now(UTC) - there.renewed > LONG_DEAD:
        return
    say(f"run {there.holder} holds the Lease; watching for its pulse")
    deadline = time.monotonic() + DEAD_AFTER.total_seconds()
    while time.monotonic() < deadline:
        now = read(kube)
        if now is None or not now.holder:
            return
        if now.renewed != there.renewed:
            raise TargetError(f"run {now.holder} is at work on this target: one game day at a time")
        time.sleep(BEATS.total_seconds() / 2)


def _write(
    kube: Kube, run: str, version: str | None, annotations: Mapping[str, str | None] | None = None
) -> None:
    """A fresh renewal under this name; Conflict where somebody else wrote since that version."""
    metadata: Json = {"resourceVersion": version} if version else {}
    if annotations:
        metadata["annotations"] = dict(annotations)
    kube.patch(API, NAMESPACE, NAME, {"metadata": metadata, "spec": _spec(run)})


def _spec(run: str) -> Json:
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return {"holderIdentity": run, "renewTime": now, "leaseDurationSeconds": int(DEAD_AFTER.total_seconds())}


def _pulse(lease: Json) -> Pulse:
    spec, metadata = lease.get("spec") or {}, lease["metadata"]
    renewed = spec.get("renewTime")
    return Pulse(
        holder=str(spec.get("holderIdentity") or ""),
        renewed=datetime.fromisoformat(renewed) if renewed else datetime.fromtimestamp(0, UTC),
        version=str(metadata["resourceVersion"]),
        stopped=(metadata.get("annotations") or {}).get(STOPPED),
    )
