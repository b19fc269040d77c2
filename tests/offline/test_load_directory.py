"""What a crowd has of its own: a directory without an earlier run's lines, and the processor before others."""

import os
import subprocess
from pathlib import Path

import pytest

from rundrill.measure.load import AHEAD, own_directory, put_ahead, put_on_time


def test_a_second_run_gets_a_directory_of_its_own(tmp_path: Path) -> None:
    first = own_directory(tmp_path, "peak")
    (first / "crowd.jsonl").write_text("{}\n")
    second = own_directory(tmp_path, "peak")
    assert [first.relative_to(tmp_path), second.relative_to(tmp_path)] == [
        Path("evidence/peak"),
        Path("evidence/peak-2"),
    ]
    assert not list(second.iterdir())


@pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/proc/self/autogroup").exists(),
    reason="needs root, and a kernel that groups processes by session",
)
def test_a_crowd_is_put_ahead_of_other_sessions_too() -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as child:
        try:
            put_ahead(child.pid)
            ranked = Path(f"/proc/{child.pid}/autogroup").read_text()
        finally:
            child.kill()
    assert ranked.split()[-1] == str(AHEAD)


@pytest.mark.skipif(
    os.geteuid() != 0 or not hasattr(os, "SCHED_RR"),
    reason="needs root, and a kernel with real-time scheduling",
)
def test_a_crowd_wakes_when_an_arrival_is_due_whoever_else_waits() -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as child:
        try:
            before = os.sched_getscheduler(child.pid)
            put_on_time(child.pid)
            after = os.sched_getscheduler(child.pid)
        finally:
            child.kill()
    assert (before, after) == (os.SCHED_OTHER, os.SCHED_RR)


def test_a_crowd_that_is_gone_need_not_be_on_time() -> None:
    with subprocess.Popen(["true"]) as child:
        child.wait()
    put_on_time(child.pid)
