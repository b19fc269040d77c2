"""An experiment's child is ended when the run is, whichever thread it was begun in."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from rundrill.measure import chaos
from rundrill.session import Session
from rundrill.waiting import until

SOON = timedelta(seconds=20)
WAITS = "import pathlib, time; pathlib.Path('began').touch(); time.sleep(60)"


class Kept:
    """As much of a session as keeps the event that ends it."""

    def __init__(self) -> None:
        self.cut = threading.Event()

    def cached(self, key: object, make: object) -> threading.Event:
        return self.cut


def conduct(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str) -> tuple[Kept, Any]:
    """What the run keeps, and the conducting of a child with that script, to be called."""
    monkeypatch.setattr(
        chaos,
        "_start",
        lambda *_: subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path),
    )
    kept = Kept()
    return kept, lambda: chaos._conduct(tmp_path, cast(Session, kept), tmp_path, ("shop",))


def test_a_child_that_ends_by_itself_was_not_interrupted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _, run = conduct(monkeypatch, tmp_path, "pass")
    assert run() is False


def test_a_run_that_ends_tells_the_children_of_its_other_threads(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept, run = conduct(monkeypatch, tmp_path, WAITS)
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(run)
        assert until(lambda: (tmp_path / "began").exists(), SOON)
        kept.cut.set()
        assert ended.result(SOON.total_seconds()) is True


def test_a_child_that_takes_too_long_is_ended_and_that_is_no_signal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(chaos, "LASTS", timedelta(milliseconds=10))
    _, run = conduct(monkeypatch, tmp_path, WAITS)
    assert run() is False
