"""Chaos Toolkit's own journals, of real runs: what its exit code hides, the reading tells."""

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from rundrill.errors import NoEvidence
from rundrill.journal import Journal, read_journal
from rundrill.waiting import until

pytestmark = pytest.mark.slow

ACTS = """
import time, pathlib
def yes(): return True
def no(): return False
def breaks(): raise RuntimeError("403 forbidden")
def waits(): pathlib.Path("waiting").touch(); time.sleep(30)
def leaves(file): pathlib.Path(file).touch(); return file
"""


def activity(name: str, func: str, kind: str = "action", **arguments: str) -> dict[str, object]:
    provider = {"type": "python", "module": "acts", "func": func, "arguments": arguments}
    gate = {"tolerance": True} if kind == "gate" else {}
    return {"name": name, "type": "probe" if kind == "gate" else kind, "provider": provider, **gate}


def start(tmp_path: Path, gate: str, method: list[dict[str, object]]) -> subprocess.Popen[bytes]:
    (tmp_path / "acts.py").write_text(ACTS)
    experiment = {
        "title": "a trap",
        "description": "a trap",
        "steady-state-hypothesis": {"title": "steady", "probes": [activity("steady", gate, "gate")]},
        "method": method,
        "rollbacks": [activity("undo", "leaves", file="undone")],
    }
    (tmp_path / "trap.yaml").write_text(yaml.safe_dump(experiment))
    words = ["--no-version-check", "--no-log-file", "--settings", "none.yaml", "run"]
    words += ["--rollback-strategy", "always", "--journal-path", "journal.json", "trap.yaml"]
    return subprocess.Popen(
        [sys.executable, "-m", "chaostoolkit", *words],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def run(tmp_path: Path, gate: str, *method: dict[str, object]) -> tuple[int, Journal]:
    status = start(tmp_path, gate, list(method)).wait(60)
    return status, read_journal(tmp_path / "journal.json")


def test_a_plain_run_tells_each_activity_in_its_order(tmp_path: Path) -> None:
    status, journal = run(tmp_path, "yes", activity("act", "leaves", file="acted"))
    assert (status, journal.status, journal.steady_before) == (0, "completed", True)
    names = [(step.name, step.status) for step in journal.steps]
    assert names == [
        ("before: steady", "succeeded"),
        ("act", "succeeded"),
        ("after: steady", "succeeded"),
        ("rollback: undo", "succeeded"),
    ]
    assert all(step.started and step.started.tzinfo and step.ended for step in journal.steps)


def test_a_gate_that_is_not_met_exits_0_and_is_told_as_not_met(tmp_path: Path) -> None:
    status, journal = run(tmp_path, "no", activity("act", "leaves", file="acted"))
    assert status == 0
    assert not (tmp_path / "acted").exists()
    assert journal.steady_before is False
    assert journal.steps[0].status == "failed"


def test_a_failing_action_exits_0_and_is_told_as_failed(tmp_path: Path) -> None:
    status, journal = run(tmp_path, "yes", activity("act", "breaks"))
    assert status == 0
    failed = next(step for step in journal.steps if step.name == "act")
    assert failed.status == "failed"
    assert "403 forbidden" in str(failed.error)


def test_sigterm_in_an_action_is_told_and_rolled_back(tmp_path: Path) -> None:
    child = start(tmp_path, "yes", [activity("act", "waits")])
    assert until(lambda: (tmp_path / "waiting").exists(), timedelta(seconds=30))
    child.send_signal(signal.SIGTERM)
    child.wait(60)
    journal = read_journal(tmp_path / "journal.json")
    assert any(step.status != "succeeded" for step in journal.steps) or journal.status != "completed"
    assert (tmp_path / "undone").exists()


def test_sigint_in_an_action_is_told_as_interrupted_and_rolled_back(tmp_path: Path) -> None:
    child = start(tmp_path, "yes", [activity("act", "waits")])
    assert until(lambda: (tmp_path / "waiting").exists(), timedelta(seconds=30))
    child.send_signal(signal.SIGINT)
    child.wait(60)
    assert read_journal(tmp_path / "journal.json").status == "interrupted"
    assert (tmp_path / "undone").exists()


def test_a_killed_run_leaves_no_journal_and_that_is_no_evidence(tmp_path: Path) -> None:
    child = start(tmp_path, "yes", [activity("act", "waits")])
    assert until(lambda: (tmp_path / "waiting").exists(), timedelta(seconds=30))
    child.kill()
    child.wait(60)
    with pytest.raises(NoEvidence, match="left no journal"):
        read_journal(tmp_path / "journal.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"status": "completed", "run": [{}]}'])
def test_half_a_journal_is_no_evidence(tmp_path: Path, text: str) -> None:
    (tmp_path / "journal.json").write_text(text)
    with pytest.raises(NoEvidence, match="cannot be read"):
        read_journal(tmp_path / "journal.json")


def test_a_gate_that_nobody_evaluated_is_not_met(tmp_path: Path) -> None:
    (tmp_path / "journal.json").write_text(json.dumps({"status": "aborted"}))
    assert read_journal(tmp_path / "journal.json").steady_before is None
