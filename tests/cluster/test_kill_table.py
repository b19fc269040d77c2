"""A runner that is killed at any step leaves no damage: within 60 s all is as before, and the ledger is closed."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from killed_runner import POINTS
from workbench import REPOSITORY, deployment, namespace, opened

from rundrill import guard, ledger
from rundrill.faults.rollout import rollout
from rundrill.session import Session
from rundrill.waiting import until

pytestmark = pytest.mark.cluster
SPACE, NAME = "rundrill-test-kills", "sleeper"
WITHIN = timedelta(seconds=60)
ALWAYS = ("after-inject", "before-close")
"""In every run of the tests; the rest of the table takes minutes."""


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with opened() as session, namespace(session, SPACE, {guard.LABEL: guard.ALLOWED}):
        deployment(session, SPACE, NAME)
        yield session


def killed(point: str, fault: str, words: dict[str, object], directory: Path) -> str:
    """The run that was killed there."""
    command = [
        sys.executable,
        "tests/cluster/killed_runner.py",
        str(directory),
        fault,
        point,
        json.dumps(words),
    ]
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin", "HOME": str(Path.home())},
    )
    assert done.returncode == -9, done.stderr[-2000:]
    return done.stdout.split()[0]


def as_before(session: Session, run: str) -> bool:
    """Whether all pods are there and nothing of that run is open."""
    open_now = [entry for entry in ledger.open_entries(session) if entry.run == run]
    now = rollout(session, SPACE, NAME)
    return not open_now and now.wanted == 2 and now.complete


@pytest.mark.parametrize(
    "point", [pytest.param(one, marks=() if one in ALWAYS else pytest.mark.soak) for one in POINTS]
)
def test_scaling_to_zero_is_undone_wherever_its_runner_dies(
    session: Session, point: str, tmp_path: Path
) -> None:
    words = {
        "inject": "scale_to_zero",
        "namespace": SPACE,
        "workload": NAME,
        "seen_on": "/",
        "configuration": {"whole_service": True},
    }
    run = killed(point, "scale", words, tmp_path)
    died = time.monotonic()
    assert until(lambda: as_before(session, run), WITHIN), f"{point}: not as before"
    print(f"scale, {point}: as before {time.monotonic() - died:.1f} s after the kill")
