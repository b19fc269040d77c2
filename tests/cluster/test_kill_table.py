"""A runner that is killed at any step leaves no damage: within 60 s all is as before, and the ledger is closed.

Each cell of the table is a line in RUNDRILL_KILL_TABLE, where that names a file; `kill_rows.py FILE` draws it.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from kill_ground import Ground, ground
from kill_rows import POINTS, ROWS
from workbench import REPOSITORY

from rundrill import ledger, standby
from rundrill.errors import RundrillError
from rundrill.gateway.kubernetes import NotFound
from rundrill.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.on("aia")]
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "alone")
WITHIN = timedelta(seconds=60)
SEEN_WITHIN = timedelta(seconds=10)
"""Sooner than anybody undoes it."""
MIDDLE = "in-the-middle"
UNDOER, TARGET = "undoer-killed", "target-restarted"
"""Killed in the middle, and then the undoer's pods are killed once too, or all that the fault was in."""
ALWAYS = (
    ("scale", "after-inject"),
    ("privilege", "before-close"),
    ("hand", MIDDLE),
    ("change", UNDOER),
    ("rotate", "before-undo"),
    ("cache", TARGET),
)
"""In every run of the tests; the rest of the table takes minutes."""
CELLS = [
    pytest.param(
        fault,
        point,
        id=f"{fault}-{point}",
        marks=[
            *([] if (fault, point) in ALWAYS else [pytest.mark.soak]),
            *([pytest.mark.alone] if ROWS[fault].whole else []),
        ],
    )
    for fault in ROWS
    for point in (*POINTS, UNDOER, TARGET)
]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Ground of this process's own, so that several of them work side by side."""
    with ground(f"rundrill-test-kills-{WORKER}", tmp_path_factory.mktemp("ground")) as made:
        yield made


def test_every_kind_of_undo_has_its_row() -> None:
    # A planned rush of users is gone with its crowd: its undo has nothing to do.
    assert {row.module for row in ROWS.values()} == {*ledger.FAULTS} - {"rush"}


@pytest.mark.parametrize(("fault", "point"), CELLS)
def test_all_is_as_before_wherever_the_runner_dies(
    here: Ground, fault: str, point: str, tmp_path: Path
) -> None:
    if ROWS[fault].whole and WORKER != "alone":
        pytest.skip("it disturbs a whole node, or what all share: to be run without -n")
    assert until(here.is_whole, WITHIN)
    ROWS[fault].prepare(here)
    before = looked(here, fault)
    assert before is not None
    run = killed(here, fault, point, tmp_path)
    died = time.monotonic()
    if point == MIDDLE and ROWS[fault].lasts:
        assert until(lambda: looked(here, fault) not in (None, before), SEEN_WITHIN), "nothing was broken"
    if point == UNDOER:
        take_away(here, ledger.NAMESPACE, f"{standby.LABEL}={run}")
    if point == TARGET:
        for name in ROWS[fault].lives_in:
            take_away(here, here.space, f"app={name}")
    undone = bool(until(lambda: as_before(here, fault, before, run), WITHIN))
    tell(fault, point, time.monotonic() - died, undone)
    assert undone, f"{fault}, {point}: it was {before}, and is {looked(here, fault)}; {open_of(here, run)}"


def killed(here: Ground, fault: str, point: str, directory: Path) -> str:
    """The run that was killed there."""
    command = [sys.executable, "tests/cluster/killed_runner.py", str(directory), str(here.policy)]
    done = subprocess.run(
        [*command, here.space, fault, point],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=150,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin", "HOME": str(Path.home())},
    )
    assert done.returncode == -9, done.stderr[-2000:]
    return done.stdout.split()[0]


def looked(here: Ground, fault: str) -> object | None:
    """What is seen of the fault's target; None where nothing can be seen of it just now."""
    try:
        return ROWS[fault].looks(here)
    except RundrillError:
        return None


def open_of(here: Ground, run: str) -> list[ledger.Entry]:
    return [entry for entry in ledger.open_entries(here.session) if entry.run == run]


def as_before(here: Ground, fault: str, before: object, run: str) -> bool:
    """Whether all looks as it did, and nothing of that run is open."""
    return not open_of(here, run) and looked(here, fault) == before


def take_away(here: Ground, space: str, selector: str) -> None:
    """Every such pod goes at once."""
    for pod in here.session.kube.items("v1/Pod", space, selector):
        # The fault may be taking it away, too.
        with contextlib.suppress(NotFound):
            here.session.kube.delete("v1/Pod", space, pod["metadata"]["name"], grace=0)


def tell(fault: str, point: str, seconds: float, undone: bool) -> None:
    """Leaves the cell's line."""
    print(
        f"{fault}, {point}: as before {seconds:.1f} s after the kill" if undone else f"{fault}, {point}: NOT"
    )
    if path := os.environ.get("RUNDRILL_KILL_TABLE"):
        line = {"fault": fault, "point": point, "seconds": round(seconds, 1), "undone": undone}
        with Path(path).open("a") as lines:
            lines.write(json.dumps(line) + "\n")
