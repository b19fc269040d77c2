"""Tests on the drill cluster: `rundrill up` first, then `pytest -m cluster tests/cluster`."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rundrill.errors import NoEvidence
from rundrill.harness import open_harness
from rundrill.platform import platforms
from rundrill.run import Row
from rundrill.session import Session, open_session

ROOT = Path(__file__).resolve().parents[2]
TARGET = "kube://rundrill"
USUAL = "aic-aipaas"

type Json = dict[str, Any]
type Change = Callable[[Json, Json], None]
"""What a test does to slo.yaml and to the runbook."""


def pytest_addoption(parser: pytest.Parser) -> None:
    says = "only the tests that need one of these platforms (repeatable); without it, all"
    parser.addoption("--on", action="append", metavar="SLUG", help=says)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"on(slug): the platform that it needs; without it, {USUAL}")
    config.addinivalue_line(
        "markers", "apart: reads, or has ground of its own: may run beside others that do"
    )
    config.addinivalue_line("markers", "alone: disturbs a whole node, or what all share: not beside others")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Those that take the cluster away come last; those of platforms that are not up stay out where --on says so."""
    items.sort(key=lambda item: "test_cluster_lifecycle" in item.nodeid)
    if up := config.getoption("on", None):
        out = [item for item in items if _needed(item) not in up]
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]


def _needed(item: pytest.Item) -> str:
    """The platform of the marker nearest to the test."""
    marker = item.get_closest_marker("on")
    slug = str(marker.args[0]) if marker else USUAL
    if slug not in platforms():
        raise pytest.UsageError(f"{item.nodeid}: on({slug!r}): there is no such platform")
    return slug


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A session that only reads."""
    with open_session(ROOT / "slo.yaml", TARGET, tmp_path_factory.mktemp("run")) as opened:
        yield opened


@pytest.fixture
def policy_with(tmp_path: Path) -> Callable[[Change], Path]:
    """The path of a copy of the policy with something changed."""

    def changed(change: Change) -> Path:
        slo = yaml.safe_load((ROOT / "slo.yaml").read_text())
        runbook = yaml.safe_load((ROOT / "runbooks" / "aic-aipaas.yaml").read_text())
        change(slo, runbook)
        shutil.copytree(ROOT / "runbooks", tmp_path / "runbooks")
        for folder in ("experiments", "loadtests", "defects"):
            (tmp_path / folder).symlink_to(ROOT / folder)
        (tmp_path / "slo.yaml").write_text(yaml.safe_dump(slo, sort_keys=False))
        (tmp_path / "runbooks" / "aic-aipaas.yaml").write_text(yaml.safe_dump(runbook, sort_keys=False))
        (tmp_path / "attestations.yaml").write_text((ROOT / "attestations.yaml").read_text())
        return tmp_path / "slo.yaml"

    return changed


def rows_of(policy: Path, names: Iterable[str]) -> dict[str, Row]:
    """The rows of these promises, measured in this process by what `pytest checks` uses."""
    harness = open_harness(policy, TARGET, str(policy.parent / "run"), None, False, None, list(names), [])
    with harness.session:
        for name in names:
            with contextlib.suppress(NoEvidence):
                harness.evidence(harness.session.policy.promise(name))
    return {name: harness.rows[name] for name in names}


class Checks:
    """`pytest checks` as a child process, and the report that it leaves."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "pytest", "checks", "-q", "--target", TARGET]
        command += ["--run-dir", str(self.directory), "-p", "no:cacheprovider", *words]
        return subprocess.Popen(
            command,
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "COLUMNS": "80"},
        )

    def run(self, *words: str) -> Json:
        """The report, however the checks ended."""
        process = self.start(*words)
        said, _ = process.communicate(timeout=300)
        assert (self.directory / "report.json").exists(), said
        return self.report()

    def report(self) -> Json:
        found: Json = json.loads((self.directory / "report.json").read_text())
        return found

    def rows(self, *words: str) -> dict[str, Json]:
        """The rows of the first runbook in the report, by the promise's id without it; others have promises of the same name."""
        found = (row for row in self.run(*words)["promises"] if row["runbook"] == "aic-aipaas")
        return {row["id"].partition(".")[2]: row for row in found}


@pytest.fixture
def checks(tmp_path: Path) -> Checks:
    return Checks(tmp_path / "run")
