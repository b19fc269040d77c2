"""Chains of experiments at work side by side: what one comes to does not stop the others, a signal ends them all."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from rundrill.measure.chaos import cut_of
from rundrill.promise import Promise
from rundrill.schedule import Schedule, schedule
from rundrill.selection import names_of
from rundrill.session import Session
from rundrill.territory import piece_of

LOOKS_EVERY_S = 0.3


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
    planned = schedule(piece_of(name, session) for name in names)

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
    said: queue.SimpleQueue[str] = queue.SimpleQueue()
    begun, ended = list[str](), list[str]()

    def follow(names: Iterable[str]) -> None:
        for name in names:
            begun.append(name)
            try:
                if not cut.is_set():
                    drill(name, said.put)
            finally:
                ended.append(name)

    with ThreadPoolExecutor(max(1, at_once), thread_name_prefix="chain") as pool:
        try:
            chains = [pool.submit(follow, [piece.name for piece in chain]) for chain in planned.chains]
            _wait_for(chains, said, say, cut)
            if planned.alone and not cut.is_set():
                _wait_for([pool.submit(follow, [one.name for one in planned.alone])], said, say, cut)
        except KeyboardInterrupt:
            # Between two looks, too, a signal is one.
            cut.set()
            _wait_until(lambda: len(ended) == len(begun))
    if cut.is_set():
        raise KeyboardInterrupt


def _wait_until(all_undone: Callable[[], bool]) -> None:
    """Further signals change nothing. A signal may come in the middle of `submit`: the pool itself would miss that thread."""
    while not all_undone():
        with contextlib.suppress(KeyboardInterrupt):
            time.sleep(LOOKS_EVERY_S)


def _wait_for(
    chains: list[Future[None]],
    said: "queue.SimpleQueue[str]",
    say: Callable[[str], None],
    cut: threading.Event,
) -> None:
    """Until all have ended; a signal meanwhile sets `cut`, and further ones change nothing: they are being undone."""
    left = set(chains)
    while left:
        try:
            done, left = wait(left, LOOKS_EVERY_S, FIRST_COMPLETED)
            while not said.empty():
                say(said.get())
            if any(isinstance(one.exception(), KeyboardInterrupt) for one in done):
                cut.set()
        except KeyboardInterrupt:
            cut.set()
    for one in chains:
        error = one.exception()
        if error is not None and not isinstance(error, KeyboardInterrupt):
            raise error
