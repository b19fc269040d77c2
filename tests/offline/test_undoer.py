"""When the undoer in the cluster acts, and when it leaves a run alone."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from rundrill.lease import Pulse
from rundrill.ledger import Entry, Of
from rundrill.undoer import TURN_S, Due, Listener, Turns, due, over

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


OURS = {"run-1": ["undoer-a", "undoer-b"], "run-2": ["undoer-c"]}


class Clock:
    """A clock that a test turns on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def turn_of(me: str, one: Due, standing: Mapping[str, list[str]], waited: float) -> bool:
    """Whether it is this undoer's turn, so long after the entry was due."""
    clock = Clock()
    turns = Turns(me, clock)
    turns.now([one], standing)
    clock.now = waited
    return bool(turns.now([one], standing))


@pytest.mark.parametrize(
    ("me", "standing", "waited", "turn"),
    [
        pytest.param("undoer-a", OURS, 0.0, True, id="its run's first, at once"),
        pytest.param("undoer-b", OURS, TURN_S - 1, False, id="its run's second waits"),
        pytest.param("undoer-b", OURS, TURN_S, True, id="its run's second, where the first had its time"),
        pytest.param("undoer-b", {"run-1": ["undoer-b"]}, 0.0, True, id="its run's second, once the first is gone"),
        pytest.param("undoer-c", OURS, 1000.0, False, id="another run's, never while its own stand"),
        pytest.param("undoer-c", {"run-2": ["undoer-c"]}, TURN_S - 1, False, id="another run's waits for its own"),
        pytest.param("undoer-c", {"run-2": ["undoer-c"]}, TURN_S, True, id="another run's, where none of its own is left"),
        pytest.param("undoer-d", {"run-2": ["undoer-c", "undoer-d"]}, TURN_S, False, id="of others the first"),
        pytest.param("undoer-x", OURS, 1000.0, False, id="one that is not ready itself"),
    ],
)  # fmt: skip
def test_undoers_take_turns(me: str, standing: Mapping[str, list[str]], waited: float, turn: bool) -> None:
    assert turn_of(me, Due(entry(), "stopped"), standing, waited) is turn


def test_experiments_are_undone_side_by_side_and_the_faults_of_each_in_their_order() -> None:
    names = [("b-2", "b"), ("a-2", "a"), ("b-1", "b")]
    all_due = [Due(entry(name=name, experiment=of), "stopped") for name, of in names]
    found = Turns("undoer-a").now(all_due, OURS)
    assert {of: [one.entry.name for one in some] for (_, of), some in found.items()} == {
        "b": ["b-2", "b-1"],
        "a": ["a-2"],
    }
