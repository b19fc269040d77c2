"""Drills of the tests: a policy of their own beside experiments of their own, and a drill in a process of its own."""

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from workbench import REPOSITORY, TARGET

from rundrill import hops
from rundrill.evidence import DrillSeen, Evidence
from rundrill.judge import judge
from rundrill.session import Session
from rundrill.verdict import Verdict
from rundrill.waiting import until

RUNS = """
import sys
from pathlib import Path
from rundrill.measure.chaos import run_experiment
from rundrill.session import open_session
policy, target, directory, name = sys.argv[1:]
with open_session(Path(policy), target, Path(directory), True) as session:
    try:
        run_experiment(name, session)
    except BaseException as error:
        print(type(error).__name__, error, flush=True)
"""


def experiment(name: str, **changes: Any) -> dict[str, Any]:
    """One of our experiments with some of its top keys changed."""
    content: dict[str, Any] = yaml.safe_load((REPOSITORY / "experiments" / f"{name}.yaml").read_text())
    return content | changes


def write(policy: Path, name: str, content: dict[str, Any]) -> None:
    """An experiment of that name beside a policy of the tests."""
    (own(policy, "experiments") / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


def own(policy: Path, folder: str) -> Path:
    """A folder beside a policy of the tests that is no longer ours, to write into."""
    place = policy.parent / folder
    if place.is_symlink():
        place.unlink()
        shutil.copytree(REPOSITORY / folder, place)
    return place


def start(policy: Path, directory: Path, name: str) -> subprocess.Popen[str]:
    """The experiment in a process of its own, as a run would have it."""
    directory.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-c", RUNS, str(policy), TARGET, str(directory), name],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def reaches(directory: Path, name: str, station: str, within: timedelta = timedelta(seconds=120)) -> bool:
    """Whether the drill noted that station in time."""
    return bool(until(lambda: hops.reached(directory / "evidence" / name, station), within))


def child_of(process: subprocess.Popen[str]) -> int:
    """The process id of the Chaos Toolkit child."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (entry / "stat").exists():
            said = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(said[1]) == process.pid and b"chaostoolkit" in (entry / "cmdline").read_bytes():
                return int(entry.name)
    raise AssertionError("the drill runs no Chaos Toolkit")


def verdict_of(session: Session, promise_id: str, seen: DrillSeen) -> Verdict:
    """What is said of a drill promise, or of an alert whose wiring is looked at now."""
    from rundrill.evidence import AlertSeen
    from rundrill.measure.alert import see_wiring

    promise, now = session.policy.promise(promise_id), datetime.now(UTC)
    if promise.kind == "drill":
        return judge(promise, Evidence(promise_id, "chaos", now, seen), session.profile, now)
    rule, route, _ = see_wiring(promise, session)
    facts = AlertSeen(rule, route, seen)
    return judge(promise, Evidence(promise_id, "chaos", now, facts), session.profile, now)
