"""The authentication service is lost under load: paged, undone, recovered, resolved, each hop as the servers say."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from drilling import verdict_of
from workbench import opened

from rundrill import hops, ledger
from rundrill.evidence import DrillSeen, Raw
from rundrill.judge.hops import Way, way_of
from rundrill.measure.chaos import run_experiment
from rundrill.session import Session
from rundrill.verdict import Outcome

pytestmark = pytest.mark.cluster
NAME, SLUG = "lose-the-auth-service", "aic-aipaas"
ALERT = f"{SLUG}.alert.service-down"
EXACT = timedelta(seconds=1)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    # By a relative path, as a command line gives it: the children of a drill work elsewhere.
    with opened(Path(os.path.relpath(tmp_path_factory.mktemp("run")))) as session:
        yield session


@pytest.fixture(scope="module")
def drilled(session: Session) -> tuple[DrillSeen, tuple[Raw, ...]]:
    return run_experiment(NAME, session)


@pytest.fixture(scope="module")
def seen(drilled: tuple[DrillSeen, tuple[Raw, ...]]) -> DrillSeen:
    return drilled[0]


@pytest.fixture(scope="module")
def way(seen: DrillSeen) -> Way:
    return way_of(seen)


def test_the_alert_is_met_by_the_drill(session: Session, seen: DrillSeen) -> None:
    verdict = verdict_of(session, ALERT, seen)
    assert verdict.outcome is Outcome.MET, verdict.reason


def test_every_step_succeeded_and_the_gate_was_met(seen: DrillSeen) -> None:
    assert seen.steady_before is True
    assert seen.quiet_before is True
    assert [step.name for step in seen.steps if step.status != "succeeded"] == []


def test_the_proof_is_what_users_saw_and_not_what_was_scaled(seen: DrillSeen) -> None:
    assert seen.proof is not None
    assert "no endpoint behind microservices/auth-service" in seen.proof
    assert "/auth/" in seen.proof


def test_the_stations_were_reached_in_their_order(way: Way) -> None:
    stations = ["fault_proven", "pending", "firing", "alertmanager", "witness:pagerduty-critical"]
    stations += ["inactive", "resolved:pagerduty-critical"]
    times = [way.at(station) for station in stations]
    assert None not in times
    assert times == sorted(time for time in times if time)


@pytest.mark.parametrize(("station", "state"), [("pending", "pending"), ("firing", "firing")])
def test_a_hop_is_within_a_second_of_the_raw_samples(
    session: Session, way: Way, station: str, state: str
) -> None:
    at = way.at(station)
    assert at is not None
    query = f'ALERTS{{alertstate="{state}",promise="{ALERT}"}}[5m]'
    body = session.prometheus(SLUG).api("query", query=query, time=repr(datetime.now(UTC).timestamp()))
    samples = [float(time) for series in body["data"]["result"] for time, _ in series["values"]]
    first = min(time for time in samples if time > at.timestamp() - 30)
    assert abs(first - at.timestamp()) <= EXACT.total_seconds()


@pytest.mark.parametrize("channel", ["pagerduty-critical", "slack-alerts-critical"])
@pytest.mark.parametrize(("station", "status"), [("witness", "firing"), ("resolved", "resolved")])
def test_a_hop_is_within_a_second_of_what_the_witness_keeps(
    session: Session, seen: DrillSeen, way: Way, channel: str, station: str, status: str
) -> None:
    at = way.at(f"{station}:{channel}")
    assert at is not None
    kept = session.witness(SLUG).notifications(channel, "ServiceDown", since=seen.started)
    arrived = min(datetime.fromisoformat(one["arrived_at"]) for one in kept if one["status"] == status)
    assert abs(arrived - at) <= EXACT


def test_the_users_failed_during_the_fault_and_at_no_other_time(seen: DrillSeen) -> None:
    before, fault, after = seen.load
    assert [phase.name for phase in seen.load] == ["before", "fault", "after"]
    assert before.failed == 0
    assert fault.failed > 0
    assert after.failed <= 0.001 * after.sent
    assert all(phase.sent >= 0.95 * phase.planned for phase in seen.load)


def test_the_users_recovered_after_the_undo_began_and_not_before(seen: DrillSeen, way: Way) -> None:
    recovered = way.at("recovered_users")
    assert recovered is not None
    assert recovered > (way.at("witness:pagerduty-critical") or recovered)
    assert seen.undone is not None
    assert "3 replicas ready, 3 endpoints" in seen.undone


def test_the_ledger_is_closed_with_its_proof(session: Session, seen: DrillSeen) -> None:
    assert ledger.open_entries(session) == []
    closed = ledger.last_closed(session)
    assert closed is not None
    assert seen.started is not None
    assert closed > seen.started


def test_the_evidence_can_be_read_again_without_the_cluster(
    session: Session, drilled: tuple[DrillSeen, tuple[Raw, ...]]
) -> None:
    drill = session.directory / "evidence" / NAME
    assert {path.name for path in drill.iterdir()} >= {"journal.json", hops.FILE, "crowd.jsonl"}
    sources = {raw.source for raw in drilled[1]}
    assert sources == {"chaos", "load", "prometheus", "witness"}
    assert json.dumps([raw.answered for raw in drilled[1]], default=str)


def test_no_secret_stands_in_the_evidence(session: Session) -> None:
    secret = session.kube.secret("data-services", "rundrill-access", "driller-password")
    drill = session.directory / "evidence" / NAME
    files = [path for path in drill.rglob("*") if path.is_file()]
    assert [path.name for path in files if secret in Path(path).read_text(errors="replace")] == []
