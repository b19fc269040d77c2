"""When the undoer in the cluster acts, and when it leaves a run alone."""

from datetime import UTC, datetime, timedelta

import pytest

from rundrill.lease import Pulse
from rundrill.ledger import Entry, Of
from rundrill.undoer import OTHERS_AFTER_S, Due, Listener, Turns, due, over

NOW = datetime(2027, 1, 31, 9, 30, tzinfo=UTC)
SHOP, BANK = "shop", "bank"


def entry(
    run: str = "run-1",
    left: timedelta = timedelta(minutes=5),
    platform: str = SHOP,
    name: str = "scale-1",
    experiment: str = "lose-the-shop",
) -> Entry:
    of = Of(platform, experiment)
    return Entry(name, "scale", {}, run, NOW - timedelta(minutes=1), NOW + left, of=of)


def pulse(holder: str = "run-1", stopped: str | None = None) -> Pulse:
    return Pulse(holder, NOW, "7", stopped)


def test_a_run_that_beats_is_left_alone() -> None:
    assert due([entry()], {SHOP: pulse()}, {SHOP: 3.0}, NOW) == []


@pytest.mark.parametrize(
    ("one", "beat", "silent", "why"),
    [
        (entry(), pulse(), 15.5, "no sign of life for 16 s"),
        (entry(left=-timedelta(seconds=1)), pulse(), 0.0, "deadline passed"),
        (entry(), pulse(stopped="rundrill stop at 09:29:58 UTC"), 0.0, "was stopped"),
        (entry(), pulse(holder="run-2"), 0.0, "run-1 does not hold the Lease of shop"),
        (entry(), pulse(holder=""), 0.0, "run-1 does not hold the Lease of shop"),
        (entry(), None, 0.0, "run-1 does not hold the Lease of shop"),
    ],
)
def test_an_entry_that_nobody_else_will_undo_is_due(
    one: Entry, beat: Pulse | None, silent: float, why: str
) -> None:
    (found,) = due([one], {SHOP: beat} if beat else {}, {SHOP: silent}, NOW)
    assert why in found.why


def test_an_entry_is_due_by_the_pulse_of_its_own_platform() -> None:
    pulses = {SHOP: pulse(), BANK: pulse("run-2", stopped="rundrill stop")}
    entries = [entry(), entry("run-2", platform=BANK)]
    assert [one.entry.run for one in due(entries, pulses, {SHOP: 0.0, BANK: 0.0}, NOW)] == ["run-2"]
    silent = {SHOP: 16.0, BANK: 0.0}
    alive = {SHOP: pulse(), BANK: pulse("run-2")}
    assert [one.entry.run for one in due(entries, alive, silent, NOW)] == ["run-1"]


def test_a_pulse_on_another_platform_does_not_keep_an_entry_open() -> None:
    pulses = {SHOP: pulse(holder=""), BANK: pulse()}
    assert [one.entry.run for one in due([entry()], pulses, {SHOP: 0.0, BANK: 0.0}, NOW)] == ["run-1"]


def test_an_entry_that_names_no_platform_lives_by_any_that_its_run_holds() -> None:
    old = entry(platform="")
    assert due([old], {BANK: pulse()}, {BANK: 0.0}, NOW) == []
    assert due([old], {BANK: pulse()}, {BANK: 15.5}, NOW) != []
    assert due([old], {BANK: pulse("run-2")}, {BANK: 0.0}, NOW) != []


def test_silence_is_counted_from_the_last_change_of_each_pulse() -> None:
    clock = iter([0.0, 4.0, 5.0, 12.0])
    listener = Listener(lambda: next(clock))
    still = Pulse("run-2", NOW, "1", None)
    beats = [{SHOP: Pulse("run-1", NOW, version, None), BANK: still} for version in ("1", "1", "2", "2")]
    heard = [listener.hear(beat) for beat in beats]
    assert [silent[SHOP] for silent in heard] == [0.0, 4.0, 0.0, 7.0]
    assert [silent[BANK] for silent in heard] == [0.0, 4.0, 5.0, 12.0]


def test_a_time_in_which_nobody_could_be_heard_is_no_silence() -> None:
    clock = iter([0.0, 30.0, 32.0])
    listener = Listener(lambda: next(clock))
    listener.hear({SHOP: pulse()})
    listener.saw_nothing()
    assert listener.hear({SHOP: pulse()}) == {SHOP: 0.0}
    assert listener.hear({SHOP: pulse()}) == {SHOP: 2.0}


def test_a_run_is_over_once_it_holds_nothing_or_beats_on_nothing() -> None:
    both = {SHOP: pulse(), BANK: pulse()}
    assert not over(both, "run-1", {SHOP: 16.0, BANK: 1.0})
    assert over(both, "run-1", {SHOP: 16.0, BANK: 16.0})
    assert over({SHOP: pulse("run-2")}, "run-1", {SHOP: 0.0})


def test_the_entries_of_another_run_are_left_to_its_own_undoers_for_a_while() -> None:
    clock = iter([0.0, 0.0, 0.0, 0.0, *[OTHERS_AFTER_S + 1] * 4])
    turns = Turns("run-1", lambda: next(clock))
    all_due = [Due(entry(), "stopped"), Due(entry("run-2", name="scale-2"), "stopped")]
    assert [run for run, _ in turns.now(all_due)] == ["run-1"]
    assert [run for run, _ in turns.now(all_due)] == ["run-1", "run-2"]


def test_experiments_are_undone_side_by_side_and_the_faults_of_each_in_their_order() -> None:
    names = [("b-2", "b"), ("a-2", "a"), ("b-1", "b")]
    all_due = [Due(entry(name=name, experiment=of), "stopped") for name, of in names]
    found = Turns("run-1").now(all_due)
    assert {of: [one.entry.name for one in some] for (_, of), some in found.items()} == {
        "b": ["b-2", "b-1"],
        "a": ["a-2"],
    }
