"""Verdicts of earlier runs, and commits, are read from what is really there."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rundrill.errors import NoEvidence
from rundrill.measure.records import see_commit, see_verdicts
from rundrill.probe import CommitProbe, VerdictProbe
from rundrill.session import Session

TARGET = "kube://here"


def report(directory: Path, verdict: str, days: float, target: str = TARGET) -> None:
    at = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    row = {"id": "shop.it", "verdict": verdict, "taken_at": at}
    directory.mkdir(parents=True)
    body = {"run": {"id": directory.name, "target": target, "ended": at}, "promises": [row]}
    (directory / "report.json").write_text(json.dumps(body))


def session(directory: Path) -> Session:
    made = SimpleNamespace(
        directory=directory,
        policy=SimpleNamespace(promises=[SimpleNamespace(id="shop.it")], path=directory.parent / "slo.yaml"),
        target=SimpleNamespace(url=TARGET),
        cached=lambda _, make: make(),
    )
    return cast(Session, made)


def facts(tmp_path: Path) -> dict[str, Any]:
    seen, _ = see_verdicts(VerdictProbe(promise="shop.it"), session(tmp_path / "now"), "shop")
    (reading,) = seen.readings
    return dict(reading.facts)


def test_the_newest_verdict_counts(tmp_path: Path) -> None:
    report(tmp_path / "old", "MET", 9)
    report(tmp_path / "new", "MISSED", 2)
    found = facts(tmp_path)
    assert found["outcome"] == "MISSED"
    assert found["age"] == pytest.approx(2 * 86400, abs=60)


@pytest.mark.parametrize(
    ("name", "verdict", "target"),
    [
        pytest.param("old", "NOT RUN", TARGET, id="a promise that was not looked at"),
        pytest.param("old", "MET", "kube://elsewhere", id="a verdict on another target"),
        pytest.param("now", "MET", TARGET, id="the verdict of this very run"),
    ],
)
def test_what_proves_nothing_is_not_found(tmp_path: Path, name: str, verdict: str, target: str) -> None:
    report(tmp_path / name, verdict, 1, target)
    assert facts(tmp_path) == {"found": False}


def test_a_report_that_is_broken_hides_no_other(tmp_path: Path) -> None:
    report(tmp_path / "old", "MET", 1)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "report.json").write_text("{")
    assert facts(tmp_path)["outcome"] == "MET"


def test_a_promise_that_nobody_knows_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoEvidence, match=r"no promise is called shop\.nothing"):
        see_verdicts(VerdictProbe(promise="shop.nothing"), session(tmp_path / "now"), "shop")


def commit(root: Path, days: int) -> None:
    at = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    name = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], [*name, "commit", "-q", "-m", "x", "--date", at]):
        subprocess.run(
            ["git", *words], cwd=root, check=True, env={"GIT_COMMITTER_DATE": at, "PATH": "/usr/bin:/bin"}
        )


def test_a_file_is_as_old_as_its_last_commit(tmp_path: Path) -> None:
    (tmp_path / "runbook.yaml").write_text("a")
    commit(tmp_path, 40)
    seen, _ = see_commit(CommitProbe(path="runbook.yaml"), session(tmp_path / "now"), "shop")
    assert seen.readings[0].facts["age"] == pytest.approx(40 * 86400, abs=60)
    assert seen.readings[0].facts["changed"] is False
    (tmp_path / "runbook.yaml").write_text("b")
    seen, _ = see_commit(CommitProbe(path="runbook.yaml"), session(tmp_path / "now"), "shop")
    assert seen.readings[0].facts["changed"] is True


def test_a_file_that_was_never_committed_has_no_age(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    commit(tmp_path, 1)
    (tmp_path / "b").write_text("b")
    seen, _ = see_commit(CommitProbe(path="b"), session(tmp_path / "now"), "shop")
    assert "age" not in seen.readings[0].facts


def test_outside_a_repository_nobody_can_tell(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    with pytest.raises(NoEvidence, match="git does not tell of a"):
        see_commit(CommitProbe(path="a"), session(tmp_path / "now"), "shop")
