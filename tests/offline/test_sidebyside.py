"""Experiments side by side: bounded, none lost, and a signal ends them all after their undo."""

import os
import re
import signal
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from rundrill import sidebyside
from rundrill.schedule import Piece, Schedule, schedule

SOON_S = 10
type Tell = Callable[[str], None]


def planned(*chains: str, alone: str = "") -> Schedule:
    """`ab` is a chain of two experiments, on a platform of its own."""
    pieces = [Piece(name, chain, timedelta(1)) for chain in chains for name in chain]
    return schedule([*pieces, *(Piece(name, "x", timedelta(1), alone=True) for name in alone)])


def test_chains_run_side_by_side_and_each_in_its_order() -> None:
    together, ran = threading.Barrier(2), list[str]()

    def drill(name: str, tell: Tell) -> None:
        if name in "ac":
            together.wait(SOON_S)
        ran.append(name)

    sidebyside.run(planned("ab", "cd"), 2, drill, threading.Event(), lambda line: None)
    assert sorted(ran) == list("abcd")
    assert ran.index("a") < ran.index("b")
    assert ran.index("c") < ran.index("d")


def test_those_apart_on_one_platform_run_beside_each_other_once_it_is_theirs() -> None:
    together, ran = threading.Barrier(2), list[str]()
    apart = [Piece(name, "p", timedelta(1), touches=frozenset({name})) for name in "bc"]

    def drill(name: str, tell: Tell) -> None:
        if name in "bc":
            together.wait(SOON_S)
        ran.append(name)

    day = schedule([*apart, Piece("a", "p", timedelta(1), crowd="users")])
    sidebyside.run(day, 3, drill, threading.Event(), lambda line: None)
    assert ran[0] == "a"
    assert sorted(ran) == list("abc")


def test_no_more_run_at_once_than_asked_for() -> None:
    lock, now, most = threading.Lock(), 0, 0
    rest = threading.Event()

    def drill(name: str, tell: Tell) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        rest.wait(0.02)
        with lock:
            now -= 1

    sidebyside.run(planned(*"abcdefg"), 3, drill, threading.Event(), lambda line: None)
    assert most <= 3


def test_what_must_be_alone_has_nobody_beside_it() -> None:
    running, beside = set[str](), list[set[str]]()

    def drill(name: str, tell: Tell) -> None:
        running.add(name)
        if name in "xy":
            beside.append(set(running))
        running.discard(name)

    sidebyside.run(planned("ab", "c", alone="xy"), 3, drill, threading.Event(), lambda line: None)
    assert beside == [{"x"}, {"y"}]


def test_lines_are_told_by_the_one_who_waits() -> None:
    told: list[tuple[str, threading.Thread]] = []
    sidebyside.run(
        planned("a", "b"),
        2,
        lambda name, tell: tell(name),
        threading.Event(),
        lambda line: told.append((line, threading.current_thread())),
    )
    assert {line for line, _ in told} == {"a", "b"}
    assert {thread for _, thread in told} == {threading.main_thread()}


def test_a_long_silence_says_who_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sidebyside, "SILENCE_S", 0.05)
    told, heard = threading.Event(), list[str]()

    def drill(name: str, tell: Tell) -> None:
        tell(f"{name} begins")
        assert told.wait(SOON_S)

    def say(line: str) -> None:
        heard.append(line)
        if line.startswith("still"):
            told.set()

    sidebyside.run(planned("a", "b"), 2, drill, threading.Event(), say)
    assert re.fullmatch(r"still at work: a for \d s, b for \d s", heard[-1]), heard


def test_a_signal_ends_all_that_run_and_begins_nothing_more() -> None:
    cut, begun, undone = threading.Event(), list[str](), list[str]()
    both = threading.Barrier(2)

    def drill(name: str, tell: Tell) -> None:
        begun.append(name)
        if both.wait(SOON_S) == 0:
            os.kill(os.getpid(), signal.SIGINT)
        assert cut.wait(SOON_S)
        undone.append(name)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sidebyside.run(planned("ab", "cd", alone="x"), 2, drill, cut, lambda line: None)
    assert sorted(undone) == sorted(begun) == ["a", "c"]


def test_an_error_that_nobody_expected_is_not_swallowed_and_the_others_come_to_their_end() -> None:
    ran: list[str] = []

    def drill(name: str, tell: Tell) -> None:
        if name == "a":
            raise ZeroDivisionError
        # Long enough for whoever waits to have seen the error.
        threading.Event().wait(3 * sidebyside.LOOKS_EVERY_S)
        ran.append(name)

    with pytest.raises(ZeroDivisionError):
        sidebyside.run(planned("a", "bc", "d"), 2, drill, threading.Event(), lambda line: None)
    assert sorted(ran) == ["b", "c", "d"]
