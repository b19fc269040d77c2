"""One run of faults at a time on a platform, and the pulse that says it is alive: a Lease each in the namespace `rundrill`.

Whoever holds it renews it every few seconds; the undoer in the cluster takes a pulse that stops for the end of the run,
and undoes what is open on that platform. A stop is written onto it too, so that runner and undoer both see it.
"""

import contextlib
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from rundrill.errors import RundrillError, TargetError
from rundrill.gateway.kubernetes import Conflict, Json, Kube, NotFound

API, NAMESPACE, PREFIX = "coordination.k8s.io/v1/Lease", "rundrill", "run-"
STOPPED = "rundrill.dev/stopped"
"""The annotation that stops a run: when, and by whom."""
BEATS = timedelta(seconds=2)
DEAD_AFTER = timedelta(seconds=15)
"""Without a beat for so long, a run is taken for dead."""
LONG_DEAD = timedelta(minutes=2)
"""A Lease that was last renewed so long ago needs no watching to be taken for dead, whatever the clocks say."""


@dataclass(frozen=True)
class Pulse:
    """The Lease of one platform as it stands: whose it is, when it was renewed, and whether somebody stopped the run."""

    holder: str
    """The run's name; "" where nobody holds it."""
    renewed: datetime
    version: str
    """Changes with every beat."""
    stopped: str | None = None


type Pulses = Mapping[str, Pulse]
"""Each platform's pulse by the slug of its runbook; one that no run ever took is not there."""


def run_name(directory: Path) -> str:
    """The folder's name as Kubernetes allows it in names and labels, and a few letters that make it the only one."""
    words = re.sub(r"[^a-z0-9]+", "-", directory.name.lower()).strip("-")[:40] or "run"
    return f"{words}-{uuid4().hex[:6]}"


def read(kube: Kube) -> Pulses:
    """The pulse of every platform that a run ever took."""
    there = {str(lease["metadata"]["name"]): lease for lease in kube.items(API, NAMESPACE)}
    return {
        name.removeprefix(PREFIX): _pulse(lease) for name, lease in there.items() if name.startswith(PREFIX)
    }


def take(kube: Kube, slug: str, run: str, say: Callable[[str], None] = lambda line: None) -> None:
    """The platform's Lease is this run's; TargetError where another run is alive on it, after watching it for a beat."""
    there = _one(kube, slug)
    if there is None:
        with contextlib.suppress(Conflict):
            kube.create(API, NAMESPACE, {"metadata": {"name": PREFIX + slug}, "spec": _spec(run)})
            return
        there = _one(kube, slug)
    if there and there.holder not in ("", run):
        _refuse_the_living(kube, slug, there, say)
        there = _one(kube, slug)
    try:
        _write(kube, slug, run, there.version if there else None, {STOPPED: None})
    except Conflict:
        raise TargetError(
            f"another run took the platform {slug} at the same moment: one game day at a time on each"
        ) from None


def release(kube: Kube, run: str) -> None:
    """Nobody holds what this run held."""
    for slug, pulse in read(kube).items():
        if pulse.holder == run:
            with contextlib.suppress(Conflict):
                _write(kube, slug, "", pulse.version)


def stop(kube: Kube, why: str, slug: str | None = None) -> tuple[str, ...]:
    """The runs that were told to stop, on all their platforms: every one, or the one at work on that platform."""
    pulses = read(kube)
    runs = {p.holder for name, p in pulses.items() if p.holder and slug in (None, name)}
    for name, pulse in pulses.items():
        if pulse.holder in runs:
            kube.patch(API, NAMESPACE, PREFIX + name, {"metadata": {"annotations": {STOPPED: why}}})
    return tuple(sorted(runs))


def alive(kube: Kube, runs: Collection[str]) -> frozenset[str]:
    """Those of these runs whose pulse beats on some platform; a silent one is watched until it must be dead."""
    before = {slug: pulse for slug, pulse in read(kube).items() if pulse.holder in runs}
    beating: frozenset[str] = frozenset()
    deadline = time.monotonic() + DEAD_AFTER.total_seconds()
    while beating != {pulse.holder for pulse in before.values()} and time.monotonic() < deadline:
        time.sleep(BEATS.total_seconds() / 2)
        now = read(kube)
        changed = (slug for slug, was in before.items() if slug in now and now[slug].version != was.version)
        beating |= {now[slug].holder for slug in changed} & {pulse.holder for pulse in before.values()}
    return beating


class Holding:
    """The Leases of one run; one thread renews them all from the first on until `end`, which gives them back.

    `on_end` hears why one of them is no longer this run's. Where nothing is said, the process interrupts itself, which
    undoes and reports as Ctrl-C does.
    """

    def __init__(self, kube: Kube, run: str, on_end: Callable[[str], None] | None = None) -> None:
        self.slugs: frozenset[str] = frozenset()
        self._kube, self._run, self._on_end = kube, run, on_end or interrupt
        self._over, self._taking = threading.Event(), threading.Lock()
        self._beats = threading.Thread(target=self._beat, name="pulse", daemon=True)

    def take(self, slugs: Iterable[str], say: Callable[[str], None] = lambda line: None) -> None:
        """These platforms are this run's too; in one order for all runs, so that of two each gets its turn or is refused."""
        with self._taking:
            for slug in sorted(set(slugs) - self.slugs):
                take(self._kube, slug, self._run, say)
                self.slugs |= {slug}
                if self._beats.ident is None:
                    self._beats.start()

    def end(self) -> None:
        """Nothing is renewed any more, and whoever comes next may have them."""
        self._over.set()
        if self._beats.is_alive():
            self._beats.join(BEATS.total_seconds() * 2)
        with contextlib.suppress(RundrillError):
            release(self._kube, self._run)

    def _beat(self) -> None:
        while not self._over.wait(BEATS.total_seconds()):
            try:
                if why := self._renewed():
                    return self._on_end(why)
            except RundrillError:
                # The API server may be away for a moment: if it stays away, the undoer hears no beat either.
                continue
        return None

    def _renewed(self) -> str | None:
        """Why the run must end; None once each of its Leases beats."""
        pulses = read(self._kube)
        for slug in sorted(self.slugs):
            there = pulses.get(slug)
            if there is None or there.holder != self._run:
                found = there.holder if there else "none"
                return f"{self._run} no longer holds the Lease of {slug} (found {found!r})"
            if there.stopped:
                return f"stopped: {there.stopped}"
            _write(self._kube, slug, self._run, there.version)
        return None


def interrupt(why: str) -> None:
    """Ends this process as Ctrl-C does, and says why: nobody at a keyboard did it."""
    sys.stderr.write(f"rundrill: the run ends: {why}\n")
    # A job in the background of a script has inherited SIGINT as ignored.
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    os.kill(os.getpid(), signal.SIGTERM if ignored else signal.SIGINT)


def _refuse_the_living(kube: Kube, slug: str, there: Pulse, say: Callable[[str], None]) -> None:
    if datetime.now(UTC) - there.renewed > LONG_DEAD:
        return
    say(f"run {there.holder} holds the Lease of {slug}; watching for its pulse")
    deadline = time.monotonic() + DEAD_AFTER.total_seconds()
    while time.monotonic() < deadline:
        now = _one(kube, slug)
        if now is None or not now.holder:
            return
        if now.renewed != there.renewed:
            raise TargetError(
                f"run {now.holder} is at work on the platform {slug}: one game day at a time on each"
            )
        time.sleep(BEATS.total_seconds() / 2)


def _one(kube: Kube, slug: str) -> Pulse | None:
    try:
        return _pulse(kube.one(API, NAMESPACE, PREFIX + slug))
    except NotFound:
        return None


def _write(
    kube: Kube,
    slug: str,
    run: str,
    version: str | None,
    annotations: Mapping[str, str | None] | None = None,
) -> None:
    """A fresh renewal under this name; Conflict where somebody else wrote since that version."""
    metadata: Json = {"resourceVersion": version} if version else {}
    if annotations:
        metadata["annotations"] = dict(annotations)
    kube.patch(API, NAMESPACE, PREFIX + slug, {"metadata": metadata, "spec": _spec(run)})


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
