"""What stands in the cluster while faults are open, and undoes them when their run cannot: `python -m rundrill.undoer`.

It runs in a Job's pods. An entry of the ledger is due when its deadline passes, when its run's pulse stops, or when
somebody stops the run. Undoing is idempotent, so two of these may stand side by side.
"""

import argparse
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rundrill import lease, ledger
from rundrill.errors import RundrillError
from rundrill.lease import DEAD_AFTER, Pulse
from rundrill.ledger import Entry
from rundrill.session import Session, open_session

EVERY_S = 1.0


@dataclass(frozen=True)
class Due:
    """An entry that must be undone now, and why."""

    entry: Entry
    why: str


def due(entries: Iterable[Entry], pulse: Pulse | None, silent_s: float, now: datetime) -> list[Due]:
    """The entries that nobody else will undo in time; `silent_s` is how long the pulse has not changed."""
    found = []
    for entry in entries:
        if pulse is not None and pulse.stopped:
            found.append(Due(entry, f"the run was stopped: {pulse.stopped}"))
        elif now > entry.deadline:
            found.append(Due(entry, "its deadline passed"))
        elif pulse is None or pulse.holder != entry.run:
            # A pulse of another run says nothing of this one's life.
            found.append(Due(entry, f"run {entry.run} does not hold the Lease"))
        elif silent_s > DEAD_AFTER.total_seconds():
            found.append(Due(entry, f"run {entry.run} has given no sign of life for {silent_s:.0f} s"))
    return found


@dataclass
class Listener:
    """How long the pulse has been silent, by this process's own clock; a gap in our own sight does not count."""

    clock: Callable[[], float] = time.monotonic
    version: str | None = None
    since: float = 0.0
    blind: bool = True

    def hear(self, pulse: Pulse | None) -> float:
        """Seconds since the pulse last changed."""
        now, version = self.clock(), pulse.version if pulse else None
        if self.blind or version != self.version:
            self.version, self.since, self.blind = version, now, False
        return now - self.since

    def saw_nothing(self) -> None:
        """The API server did not answer: the run may have been unable to beat, too."""
        self.blind = True


def stand(session: Session, run: str, ready: Path, say: Callable[[str], None]) -> None:
    """Stands by until the run has given the Lease back, or is dead, and none of its faults is open."""
    listener = Listener()
    while True:
        try:
            pulse, entries = lease.read(session.kube), ledger.open_entries(session)
        except RundrillError as error:
            say(f"cannot see: {error}")
            listener.saw_nothing()
        else:
            silent = listener.hear(pulse)
            ready.touch()
            for one in due(entries, pulse, silent, datetime.now(UTC)):
                _undo(session, one, say)
            if not entries and _over(pulse, run, silent):
                # A dead run gives nothing back itself; the next need not wait for it.
                lease.release(session.kube, run)
                return
        time.sleep(EVERY_S)


def _over(pulse: Pulse | None, run: str, silent_s: float) -> bool:
    return pulse is None or pulse.holder != run or silent_s > DEAD_AFTER.total_seconds()


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
            stand(session, arguments.run, arguments.ready, _say)
    return 0


if __name__ == "__main__":
    sys.exit(main())
