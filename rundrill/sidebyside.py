"""Experiments at work side by side: what one comes to does not stop the others, a signal ends them all."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from rundrill.measure.chaos import cut_of
from rundrill.promise import Promise
from rundrill.saved import last_time
from rundrill.schedule import Piece, Schedule, next_of, schedule
from rundrill.selection import names_of
from rundrill.session import Session
from rundrill.territory import piece_of

LOOKS_EVERY_S = 0.3
SILENCE_S = 60.0
"""After so long without a word it is told who is still at work."""
UNSEEN = timedelta(minutes=1)
"""What an experiment is taken to last that was never run here; it decides nothing but who begins first."""


def drill(
    promises: Sequence[Promise],
    session: Session,
    measured: Callable[[Promise], object],
    at_once: int,
    say: Callable[[str], None],
) -> None:
    """All of these promises measured, by as many chains of experiments at once; KeyboardInterrupt after a signal.

    `measured` keeps what each came to, good or bad.
    """
    names = list(dict.fromkeys(names_of(one)[1] for one in promises))
    planned = schedule(piece_of(one, session, last_time(Path("reports"), one) or UNSEEN) for one in names)

    def one(name: str, tell: Callable[[str], None]) -> None:
        tell(f"{name} begins")
        began = time.monotonic()
        for promise in promises:
            if names_of(promise)[1] == name:
                measured(promise)
        tell(f"{name} ended after {time.monotonic() - began:.0f} s")

    say(f"{len(names)} experiments in {len(planned.chains)} chains, {at_once} at once")
    run(planned, at_once, one, cut_of(session), say)


def run(
    planned: Schedule,
    at_once: int,
    drill: Callable[[str, Callable[[str], None]], None],
    cut: threading.Event,
    say: Callable[[str], None],
) -> None:
    """Returns once every experiment had its turn; KeyboardInterrupt once all are undone after a signal.

    `drill` runs one experiment by name, tells what it does to what it is given, and raises nothing but after `cut` is
    set, by which it is to end what it does. `say` is called in this thread only.
    """
    voice, at_work = _Voice(say), dict[str, float]()

    def take(name: str) -> None:
        at_work[name] = time.monotonic()
        try:
            if not cut.is_set():
                drill(name, voice.said.put)
        finally:
            del at_work[name]

    def tell() -> None:
        voice.tell(at_work.copy())

    with ThreadPoolExecutor(max(1, at_once), thread_name_prefix="drill") as pool:
        turns = _Turns(list(planned.order), max(1, at_once), lambda name: pool.submit(take, name), cut)
        try:
            while turns.are_left():
                turns.begin()
                turns.look()
                tell()
        except KeyboardInterrupt:
            cut.set()
        # Further signals change nothing: all is being undone. One in the middle of `submit` hides a thread from the pool.
        _wait_until(lambda: not at_work, tell)
    if cut.is_set():
        raise KeyboardInterrupt
    if turns.errors:
        raise turns.errors[0]


@dataclass
class _Turns:
    """Who waits, and who has their turn."""

    waiting: list[Piece]
    at_once: int
    submit: Callable[[str], Future[None]]
    cut: threading.Event
    running: dict[Future[None], Piece] = field(default_factory=dict)
    errors: list[BaseException] = field(default_factory=list)
    """What nobody expected; it stops none of the others."""

    def are_left(self) -> bool:
        return bool(self.running or (self.waiting and not self.cut.is_set()))

    def begin(self) -> None:
        """Whoever can: a hand is free, and it is independent of all that run."""
        while len(self.running) < self.at_once and not self.cut.is_set():
            one = next_of(self.waiting, self.running.values())
            if one is None:
                return
            self.waiting.remove(one)
            self.running[self.submit(one.name)] = one

    def look(self) -> None:
        """Waits a moment for one of them to end; after a signal in its thread nobody else begins."""
        done, _ = wait(self.running, LOOKS_EVERY_S, FIRST_COMPLETED)
        for one in done:
            del self.running[one]
            error = one.exception()
            if isinstance(error, KeyboardInterrupt):
                self.cut.set()
            elif error is not None:
                self.errors.append(error)


@dataclass
class _Voice:
    """What the experiments tell, as it comes; in a long silence, who is at work and for how long."""

    say: Callable[[str], None]
    said: "queue.SimpleQueue[str]" = field(default_factory=queue.SimpleQueue)
    last: float = field(default_factory=time.monotonic)

    def tell(self, at_work: Mapping[str, float]) -> None:
        """`at_work`: when each began, by the monotonic clock."""
        now = time.monotonic()
        while not self.said.empty():
            self.say(self.said.get())
            self.last = now
        if at_work and now - self.last >= SILENCE_S:
            lasting = (f"{name} for {now - began:.0f} s" for name, began in at_work.items())
            self.say(f"still at work: {', '.join(lasting)}")
            self.last = now


def _wait_until(all_undone: Callable[[], bool], meanwhile: Callable[[], None]) -> None:
    """Whatever signals come."""
    while True:
        with contextlib.suppress(KeyboardInterrupt):
            meanwhile()
            if all_undone():
                return
            time.sleep(LOOKS_EVERY_S)
