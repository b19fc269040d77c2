"""When the undoer in the cluster acts, and when it leaves a run alone."""

from datetime import UTC, datetime, timedelta

import pytest

from rundrill.lease import Pulse
from rundrill.ledger import Entry
from rundrill.undoer import Listener, due

NOW = datetime(2027, 1, 31, 9, 30, tzinfo=UTC)


def entry(run: str = "run-1", left: timedelta = timedelta(minutes=5)) -> Entry:
    return Entry("scale-1", "scale", {}, run, NOW - timedelta(minutes=1), NOW + left)


def pulse(holder: str = "run-1", stopped: str | None = None) -> Pulse:
    return Pulse(holder, NOW, "7", stopped)


def test_a_run_that_beats_is_left_alone() -> None:
    assert due([entry()], pulse(), 3.0, NOW) == []


@pytest.mark.parametrize(
    ("one", "beat", "silent", "why"),
    [
        (entry(), pulse(), 15.5, "no sign of life for 16 s"),
        (entry(left=-timedelta(seconds=1)), pulse(), 0.0, "deadline passed"),
        (entry(), pulse(stopped="rundrill stop at 09:29:58 UTC"), 0.0, "was stopped"),
        (entry(), pulse(holder="run-2"), 0.0, "run-1 does not hold the Lease"),
        (entry(), pulse(holder=""), 0.0, "run-1 does not hold the Lease"),
        (entry(), None, 0.0, "run-1 does not hold the Lease"),
    ],
)
def test_an_entry_that_nobody_else_will_undo_is_due(
    one: Entry, beat: Pulse | None, silent: float, why: str
) -> None:
    (found,) = due([one], beat, silent, NOW)
    assert why in found.why


def test_silence_is_counted_from_the_last_change_of_the_pulse() -> None:
    clock = iter([0.0, 4.0, 5.0, 12.0])
    listener = Listener(lambda: next(clock))
    beats = [Pulse("run-1", NOW, version, None) for version in ("1", "1", "2", "2")]
    assert [listener.hear(beat) for beat in beats] == [0.0, 4.0, 0.0, 7.0]


def test_a_time_in_which_nobody_could_be_heard_is_no_silence() -> None:
    clock = iter([0.0, 30.0, 32.0])
    listener = Listener(lambda: next(clock))
    listener.hear(pulse())
    listener.saw_nothing()
    assert listener.hear(pulse()) == 0.0
    assert listener.hear(pulse()) == 2.0
