"""What stands in the cluster while faults are open, and undoes them when their run cannot: `python -m rundrill.undoer`.

It runs in a Job's pods. An entry of the ledger is due when its deadline passes, when its run's pulse on its platform
stops, or when somebody stops the run. Undoing is idempotent, so two of these may stand side by side; they take turns.
"""

import argparse
import socket
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rundrill import lease, ledger, standby
from rundrill.errors import RundrillError
from rundrill.lease import DEAD_AFTER, Pulses
from rundrill.ledger import Entry
from rundrill.session import Session, open_session

EVERY_S = 1.0
AT_ONCE = 4
TURN_S = 20.0
"""For so long an undoer leaves an entry to the one before it, which may have gone with its node."""


type Experiment = tuple[str, str]
"""A run, and an experiment of it."""


@dataclass(frozen=True)
class Due:
    """An entry that must be undone now, and why."""

    entry: Entry
    why: str


def due(entries: Iterable[Entry], pulses: Pulses, silent: Mapping[str, float], now: datetime) -> list[Due]:
    """The entries that nobody else will undo in time, each by the pulse of its own platform.

    `silent` is for how many seconds each platform's pulse has not changed.
    """
    whys = ((entry, _why(entry, _platform(entry, pulses), pulses, silent, now)) for entry in entries)
    return [Due(entry, why) for entry, why in whys if why]


def _platform(entry: Entry, pulses: Pulses) -> str:
    """The platform whose pulse an entry lives by; an old one named none, and lives by any that its run holds."""
    held = (slug for slug, pulse in pulses.items() if pulse.holder == entry.run)
    return entry.of.runbook or next(held, "")


def _why(entry: Entry, slug: str, pulses: Pulses, silent: Mapping[str, float], now: datetime) -> str | None:
    pulse = pulses.get(slug)
    if pulse is not None and pulse.stopped:
        return f"the run was stopped: {pulse.stopped}"
    if now > entry.deadline:
        return "its deadline passed"
    if pulse is None or pulse.holder != entry.run:
        # A pulse of another run says nothing of this one's life.
        return f"run {entry.run} does not hold the Lease{f' of {slug}' if slug else ''}"
    if silent.get(slug, 0.0) > DEAD_AFTER.total_seconds():
        return f"run {entry.run} has given no sign of life for {silent[slug]:.0f} s"
    return None


@dataclass
class Listener:
    """How long each pulse has been silent, by this process's own clock; a gap in our own sight does not count."""

    clock: Callable[[], float] = time.monotonic
    heard: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Each platform's last beat, and when it was heard first."""

    def hear(self, pulses: Pulses) -> Mapping[str, float]:
        """For each platform, the seconds since its pulse last changed."""
        now = self.clock()
        for slug, pulse in pulses.items():
            if self.heard.get(slug, ("", 0.0))[0] != pulse.version:
                self.heard[slug] = (pulse.version, now)
        return {slug: now - self.heard[slug][1] for slug in pulses}

    def saw_nothing(self) -> None:
        """The API server did not answer: the runs may have been unable to beat, too."""
        self.heard.clear()


def stand(session: Session, run: str, me: str, ready: Path, say: Callable[[str], None]) -> None:
    """Stands by until the run has given its Leases back, or is dead, and none of its faults is open."""
    listener, turns = Listener(), Turns(me)
    working: dict[Experiment, Future[None]] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while True:
            # Before the ledger is read: what was closed a moment later must not be undone once more.
            working = {name: job for name, job in working.items() if not _is_done(job)}
            try:
                pulses, entries = lease.read(session.kube), ledger.open_entries(session)
                silent = listener.hear(pulses)
                all_due = due(entries, pulses, silent, datetime.now(UTC))
                # Only where it matters: asked every second, pods would be half of what an idle undoer costs.
                standing = standby.undoers(session.kube) if all_due else {}
            except RundrillError as error:
                say(f"cannot see: {error}")
                listener.saw_nothing()
            else:
                ready.touch()
                for name, some in turns.now(all_due, standing).items():
                    if name not in working:
                        working[name] = pool.submit(_undo_in_order, session, some, say)
                if not any(entry.run == run for entry in entries) and over(pulses, run, silent):
                    # A dead run gives nothing back itself; the next need not wait for it.
                    lease.release(session.kube, run)
                    return
            time.sleep(EVERY_S)


def _is_done(job: Future[None]) -> bool:
    """Whether it is; an error that nobody expected ends this process, and its pod begins anew."""
    if job.done():
        job.result()
    return job.done()


type Standing = Mapping[str, Sequence[str]]
"""Each run's undoers that are ready, by name."""


@dataclass
class Turns:
    """Whose turn it is to undo what is due: one undoer after another, so that they do not get in each other's way.

    An entry is its own run's undoers' to undo, the first of them at once. Where none of these is left, it is anybody's.
    """

    me: str
    clock: Callable[[], float] = time.monotonic
    since: dict[str, float] = field(default_factory=dict)
    """When each entry was seen due first."""

    def now(self, all_due: Iterable[Due], standing: Standing) -> dict[Experiment, list[Due]]:
        """What is to be undone now: experiments side by side, the entries of each one after another, the newest first."""
        chosen: dict[Experiment, list[Due]] = {}
        now = self.clock()
        for one in all_due:
            waited = now - self.since.setdefault(one.entry.name, now)
            turn = self._turn(standing.get(one.entry.run) or (), standing)
            if turn is not None and waited >= turn * TURN_S:
                chosen.setdefault((one.entry.run, one.entry.of.experiment), []).append(one)
        return chosen

    def _turn(self, own: Sequence[str], standing: Standing) -> int | None:
        """How many come before this one; None where it is not this one's at all."""
        if own:
            return sorted(own).index(self.me) if self.me in own else None
        everybody = sorted(name for names in standing.values() for name in names)
        return 1 + everybody.index(self.me) if self.me in everybody else None


def over(pulses: Pulses, run: str, silent: Mapping[str, float]) -> bool:
    """Whether the run holds no Lease any more, or beats on none of those that it holds."""
    held = (slug for slug, pulse in pulses.items() if pulse.holder == run)
    return all(silent[slug] > DEAD_AFTER.total_seconds() for slug in held)


def _undo_in_order(session: Session, some: Iterable[Due], say: Callable[[str], None]) -> None:
    for one in some:
        _undo(session, one, say)


def _undo(session: Session, one: Due, say: Callable[[str], None]) -> None:
    say(f"{one.entry.name}: {one.why}")
    try:
        say(str(ledger.undo(session, one.entry, f"undoer: {one.why}")))
    except RundrillError as error:
        # It stays open, and is tried again in a second: the target may be restarting.
        say(f"{one.entry.name}: not yet undone: {error}")
        session.forget()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """0 once nothing is left to stand by for."""
    parser = argparse.ArgumentParser(prog="rundrill.undoer", description="Stands by to undo a run's faults.")
    parser.add_argument("--run", required=True, help="the run whose faults it undoes")
    parser.add_argument(
        "--policy", type=Path, required=True, help="a .tar.gz of slo.yaml and what it includes"
    )
    parser.add_argument("--target", required=True, help="kube://CONTEXT, as slo.yaml names it")
    parser.add_argument("--ready", type=Path, default=Path("/tmp/standing"), help="made once it can see")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(arguments.policy) as archive:
            archive.extractall(folder, filter="data")
        with open_session(
            Path(folder) / "slo.yaml", arguments.target, Path(folder) / arguments.run, disruptive=True
        ) as session:
            stand(session, arguments.run, socket.gethostname(), arguments.ready, _say)
    return 0


if __name__ == "__main__":
    sys.exit(main())
