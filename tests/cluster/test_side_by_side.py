"""Experiments of two platforms run beside each other, and a signal undoes them all before the report is written."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from workbench import POLICY, REPOSITORY, TARGET, namespace, opened

from conftest import Checks
from rundrill import guard, hops, ledger
from rundrill.session import Session
from rundrill.waiting import until

pytestmark = pytest.mark.cluster
SPACE, SLUGS = "rundrill-test-beside", ("left", "right")
SOON = timedelta(seconds=120)

type Json = dict[str, Any]


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with opened() as session, namespace(session, SPACE, {guard.LABEL: guard.ALLOWED}):
        for slug in SLUGS:
            body = {"metadata": {"name": slug}, "data": {"LEVEL": "INFO"}}
            session.kube.create("v1/ConfigMap", SPACE, body)
        yield session


def is_level(slug: str, level: str) -> Json:
    """A question about the setting of one of the two."""
    asked = {"api": "v1/ConfigMap", "namespace": SPACE, "names": [slug], "fields": {"level": "data.LEVEL"}}
    return {"probe": {"object": asked}, "expect": {"level": {"equals": level}}}


def runbook(slug: str) -> Json:
    promise = {
        "id": f"{slug}.procedure.change",
        "says": "a setting is changed, and changed back",
        "source": "Tests",
        "gate": "must",
        "drill": {"experiment": f"change-{slug}", "within": "60s", "then": [is_level(slug, "INFO")]},
    }
    words = {"runbook": slug, "title": slug, "document": "a test"}
    return words | {"indicators": {}, "receivers": {}, "promises": [promise]}


def experiment(slug: str, lasts: str) -> Json:
    def step(called: str, kind: str, func: str, /, **arguments: object) -> Json:
        module, _, function = func.rpartition(".")
        does = {"type": "python", "module": f"rundrill.{module}", "func": function, "arguments": arguments}
        return {"name": called, "type": kind, "provider": does}

    patch = {"api": "v1/ConfigMap", "namespace": SPACE, "name": slug, "patch": {"data": {"LEVEL": "DEBUG"}}}
    return {
        "title": f"A setting of {slug} is changed",
        "description": "The smallest fault there is.",
        "configuration": {"runbook": slug},
        "method": [
            step("change-it", "action", "faults.change.patch", **patch, procedure=True),
            step("stays-so", "probe", "conditions.stays", **is_level(slug, "DEBUG"), lasts=lasts),
            step("change-it-back", "action", "faults.undo.undo_all"),
            step("is-done", "probe", "conditions.is_done"),
        ],
        "rollbacks": [step("close-the-ledger", "action", "faults.undo.undo_all")],
    }


def policy(place: Path, lasts: str) -> Path:
    """Two runbooks with one promise each, whose platforms are nobody's; the changed settings stay for so long."""
    slo = yaml.safe_load(POLICY.read_text())
    like = slo["targets"]["rundrill"]["platforms"]["aic-aipaas"]
    servers = {name: like[name] for name in ("prometheus", "alertmanager", "witness")}
    front = {
        "include": [f"runbooks/{slug}.yaml" for slug in SLUGS],
        "targets": {"rundrill": {"profile": "drill", "platforms": dict.fromkeys(SLUGS, servers)}},
        "profiles": slo["profiles"],
        "guard": slo["guard"],
        "gamedays": {"both": {"runbooks": list(SLUGS)}},
    }
    for folder in ("runbooks", "experiments", "loadtests"):
        (place / folder).mkdir()
    for slug in SLUGS:
        (place / "runbooks" / f"{slug}.yaml").write_text(yaml.safe_dump(runbook(slug)))
        written = yaml.safe_dump(experiment(slug, lasts))
        (place / "experiments" / f"change-{slug}.yaml").write_text(written)
    (place / "slo.yaml").write_text(yaml.safe_dump(front))
    return place / "slo.yaml"


def start(checks: Checks, written: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pytest", "checks", "-q", "--target", TARGET, "--policy", str(written)]
    return subprocess.Popen(
        [*command, "--gameday", "both", "--run-dir", str(checks.directory), "-p", "no:cacheprovider"],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def drill_of(checks: Checks, slug: str) -> Path:
    return checks.directory / "evidence" / f"change-{slug}"


def at(checks: Checks, slug: str, station: str) -> datetime:
    found = hops.reached(drill_of(checks, slug), station)
    assert found, f"{slug} never reached {station}"
    return found[0].at


def levels(session: Session) -> list[str]:
    return [session.kube.one("v1/ConfigMap", SPACE, slug)["data"]["LEVEL"] for slug in SLUGS]


def open_here(session: Session) -> list[str]:
    return [str(entry) for entry in ledger.open_entries(session) if entry.of.runbook in SLUGS]


@pytest.mark.soak
def test_two_platforms_are_drilled_at_the_same_time_and_both_verdicts_are_there(
    session: Session, checks: Checks, tmp_path: Path
) -> None:
    # Ten times accelerated: each setting stays changed for twelve seconds.
    process = start(checks, policy(tmp_path, "2m"))
    said, _ = process.communicate(timeout=240)
    found = {row["id"]: (row["verdict"], row["reason"]) for row in checks.report()["promises"]}
    assert {verdict for verdict, _ in found.values()} == {"MET"}, (found, said)
    assert at(checks, "left", "injected") < at(checks, "right", "undone")
    assert at(checks, "right", "injected") < at(checks, "left", "undone")
    assert levels(session) == ["INFO", "INFO"]


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.soak), signal.SIGTERM])
def test_a_signal_undoes_both_and_the_report_is_written(
    session: Session, checks: Checks, tmp_path: Path, number: signal.Signals
) -> None:
    process = start(checks, policy(tmp_path, "1h"))
    try:
        assert until(lambda: all(hops.reached(drill_of(checks, slug), "injected") for slug in SLUGS), SOON)
        assert levels(session) == ["DEBUG", "DEBUG"]
        process.send_signal(number)
        said, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    assert levels(session) == ["INFO", "INFO"]
    assert open_here(session) == []
    report = checks.report()
    assert report["run"]["interrupted"] is True, said
    assert {row["verdict"] for row in report["promises"]} <= {"UNKNOWN", "NOT RUN"}
