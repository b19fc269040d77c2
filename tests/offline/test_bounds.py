"""No activity of an experiment lasts for ever: each has a time-out, and fails with its reason when that is over."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rundrill.bounds import LONGEST, USUAL, bound_of, write_settings
from rundrill.journal import read_journal

ROOT = Path(__file__).resolve().parents[2]


WAITING = "import time\ndef wait(seconds: float) -> float:\n    time.sleep(seconds)\n    return seconds\n"


def step(name: str, seconds: float = 0, **provider: Any) -> dict[str, Any]:
    does = {"module": "waiting", "func": "wait", "arguments": {"seconds": seconds}}
    return {"name": name, "type": "action", "provider": {"type": "python", **does, **provider}}


@pytest.mark.parametrize(
    ("provider", "bound"),
    [({}, USUAL), ({"timeout": "15m"}, timedelta(minutes=15)), ({"timeout": 2.5}, timedelta(seconds=2.5))],
)
def test_a_step_says_its_own_time_out_or_has_the_usual(provider: dict[str, Any], bound: timedelta) -> None:
    assert bound_of(step("wait", **provider)) == bound


@pytest.mark.parametrize(
    ("func", "minutes", "bound"),
    [
        ("is_done", 10, timedelta(minutes=11, seconds=30)),
        ("is_done", 1, USUAL),
        ("users_recover", 240, LONGEST),
        ("alert_arrives", 12, USUAL),
    ],
)
def test_a_step_that_waits_as_long_as_a_promise_gives_is_not_cut_off_before_it_can_say_no(
    func: str, minutes: int, bound: timedelta
) -> None:
    assert bound_of(step("wait", func=func), timedelta(minutes=minutes)) == bound
    assert bound_of(step("wait", func=func, timeout="2m"), timedelta(minutes=minutes)) == timedelta(minutes=2)


@pytest.mark.slow
def test_an_activity_that_hangs_fails_with_its_reason_and_the_rollbacks_are_run(tmp_path: Path) -> None:
    (tmp_path / "waiting.py").write_text(WAITING)
    method = [step("hangs", 60, timeout=0.5), step("ends")]
    experiment = {"title": "x", "description": "x", "method": method, "rollbacks": [step("undo")]}
    (tmp_path / "x.json").write_text(json.dumps(experiment))
    settings = write_settings(tmp_path / "settings.json", timedelta(minutes=12))
    words = ["--no-version-check", "--no-log-file", "--settings", str(settings), "run"]
    words += ["--rollback-strategy", "always", "--journal-path", "journal.json", "x.json"]
    subprocess.run(
        [sys.executable, "-m", "chaostoolkit", *words],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        check=False,
        capture_output=True,
        timeout=50,
    )
    journal = read_journal(tmp_path / "journal.json")
    assert [(one.name, one.status) for one in journal.steps] == [
        ("hangs", "failed"),
        ("ends", "succeeded"),
        ("rollback: undo", "succeeded"),
    ]
    assert "interrupted after 500ms, its time-out" in str(journal.steps[0].error)
