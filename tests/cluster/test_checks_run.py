"""`pytest checks --target kube://rundrill`, end to end on the platform as it stands."""

import hashlib
import json
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from rundrill.errors import TargetError
from rundrill.gateway.http import HttpError, Request, send
from rundrill.session import Session
from rundrill.waiting import until

pytestmark = pytest.mark.cluster

type Json = dict[str, Any]

SLUG = "aic-aipaas"
PATIENCE = timedelta(seconds=30)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one run that only reads."""
    from conftest import Checks

    directory = tmp_path_factory.mktemp("reading") / "run"
    Checks(directory).run()
    return directory


@pytest.fixture(scope="module")
def report(directory: Path) -> Any:
    return json.loads((directory / "report.json").read_text())


def test_every_promise_has_a_row_and_a_case(directory: Path, report: Any, session: Session) -> None:
    ids = [promise.id for promise in session.policy.promises]
    assert [row["id"] for row in report["promises"]] == ids
    cases = ElementTree.parse(directory / "junit.xml").getroot().iter("testcase")
    assert sorted(case.attrib["name"].partition("[")[2].rstrip("]") for case in cases) == sorted(ids)


def test_nothing_is_met_without_evidence(directory: Path, report: Any) -> None:
    for row in report["promises"]:
        if row["verdict"] in ("MET", "MISSED"):
            evidence = json.loads((directory / "evidence" / f"{row['id']}.json").read_text())
            assert evidence["raw"], row["id"]
            assert all(answer["at"] and answer["asked"] for answer in evidence["raw"]), row["id"]


def test_what_disturbs_is_not_run_and_says_so(report: Any) -> None:
    left = {
        row["id"].partition(".")[2]: row["reason"]
        for row in report["promises"]
        if row["verdict"] == "NOT RUN"
    }
    assert left["procedure.node-drain"] == "needs --disruptive"
    assert "restore.manual-dump" in left
    assert left["alert.service-down"].startswith("wired as promised; not proven")


def test_no_password_reaches_the_evidence(directory: Path, session: Session) -> None:
    keys = ("reader-password", "driller-password", "redis-password")
    passwords = [session.kube.secret("data-services", "rundrill-access", key) for key in keys]
    for path in directory.rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            assert not [password for password in passwords if password in text], path.name


def test_the_manifest_vouches_for_every_file(directory: Path) -> None:
    for line in (directory / "MANIFEST.sha256").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((directory / name).read_bytes()).hexdigest() == digest, name


def test_latest_leads_to_the_newest_run(directory: Path) -> None:
    assert (directory.parent / "latest").resolve() == directory.resolve()


def test_it_leaves_no_child_behind(directory: Path) -> None:
    running = subprocess.run(["ps", "-eo", "ppid,args"], capture_output=True, text=True, check=True).stdout
    orphans = [line for line in running.splitlines() if line.split()[0] == "1" and "port-forward" in line]
    assert not orphans


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_undoes_and_reports(checks: Any, session: Session, told: signal.Signals) -> None:
    began = datetime.now(UTC)
    process = checks.start("--disruptive", "--only", f"{SLUG}.alert.channel-info")
    alertmanager = session.alertmanager(SLUG)
    assert until(lambda: alertmanager.alerts("ChannelInfo") or None, PATIENCE), (
        "the alert was never handed over"
    )
    process.send_signal(told)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 2, said
    assert checks.report()["run"]["interrupted"] is True
    assert checks.report()["summary"]["exit"] == 130
    assert "interrupted" in (checks.directory / "report.html").read_text()
    mine = [alert for alert in alertmanager.alerts("ChannelInfo") if alert["startsAt"] > began.isoformat()]
    assert not mine


def test_a_synthetic_alert_reaches_its_channels_and_no_other(checks: Any) -> None:
    rows = checks.rows("--disruptive", "--only", f"{SLUG}.alert.channel-warning")
    row = rows["alert.channel-warning"]
    assert row["verdict"] == "MET", row["reason"]
    hops = [hop["name"] for hop in row["measured"]["hops"]]
    assert {"witness:email-ops", "witness:slack-alerts-warning"} <= set(hops)
    assert not [hop for hop in hops if "critical" in hop or "info" in hop]
    assert row["measured"]["notified_after_s"] > 0
    assert row["measured"]["resolved_after_s"] > 0


@pytest.mark.parametrize(
    ("expires", "holds", "verdict", "status"),
    [
        pytest.param("2099-01-01", False, "WAIVED", 0, id="a miss that is waived"),
        pytest.param("2020-01-01", False, "MISSED", 1, id="a waiver that expired"),
        pytest.param("2099-01-01", True, "MET", 1, id="a waiver that nobody needs"),
    ],
)
def test_a_waiver_holds_until_its_day_and_only_for_a_miss(
    checks: Any, policy_with: Any, expires: str, holds: bool, verdict: str, status: int
) -> None:
    def waived(slo: Json, runbook: Json) -> None:
        waiver = {
            "promise": f"{SLUG}.cache.ping",
            "reason": "a test",
            "approved_by": "nobody",
            "expires": expires,
        }
        slo["waivers"] = [waiver]
        if not holds:
            ping = next(one for one in runbook["promises"] if one["id"] == f"{SLUG}.cache.ping")
            ping["state"]["expect"]["reply"] = {"equals": "PING"}

    process = checks.start("--policy", str(policy_with(waived)), "--only", f"{SLUG}.cache.ping")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == status, said
    row = next(one for one in checks.report()["promises"] if one["id"] == f"{SLUG}.cache.ping")
    assert row["verdict"] == verdict
    assert holds or "nobody" in json.dumps(row)


def test_a_way_leads_to_the_new_pod_when_its_pod_is_gone(session: Session) -> None:
    assert reached(session)
    (pod,) = session.kube.items("v1/Pod", "monitoring", "app=kube-state")
    session.kube.delete("v1/Pod", "monitoring", pod["metadata"]["name"], grace=0)
    assert until(lambda: reached(session), timedelta(minutes=2))
    assert pod["metadata"]["uid"] not in {
        one["metadata"]["uid"] for one in session.kube.items("v1/Pod", "monitoring", "app=kube-state")
    }


def reached(session: Session) -> tuple[str, int] | None:
    """The way to a server, once a GET on it is answered."""
    try:
        way = session.reach("monitoring/kube-state:8080")
        return way if send(way, "http", Request("/metrics")).status == 200 else None
    except (TargetError, HttpError):  # The new pod is not there yet.
        return None
