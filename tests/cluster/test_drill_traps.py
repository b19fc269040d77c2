"""Drills that prove nothing say so: UNKNOWN or MISSED, never MET; and whatever happens, the fault is undone."""

import os
import select
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from drilling import child_of, experiment, own, reaches, start, verdict_of, write
from workbench import deployment, drop_rules, namespace, opened, prometheus

from rundrill import guard, hops, ledger
from rundrill.errors import NoEvidence
from rundrill.evidence import DrillSeen
from rundrill.faults.rollout import rollout
from rundrill.generate.prometheus import prometheus_rules
from rundrill.measure.chaos import run_experiment
from rundrill.session import Session
from rundrill.verdict import Outcome
from rundrill.waiting import until

pytestmark = pytest.mark.cluster
SLUG, SPACE = "aic-aipaas", "rundrill-test-traps"
DOWN, ERRORS = f"{SLUG}.alert.service-down", f"{SLUG}.alert.high-error-rate"
LOSE, HIDE = "lose-the-auth-service", "hide-a-table"
SOON = timedelta(seconds=60)
NOBODY = """
from arrivals import Crowd
class Nobody(Crowd):
    def on_start(self):
        self.environment.parsed_options.rate = 0
        super().on_start()
"""

type Json = dict[str, Any]
type Changed = Callable[[Callable[[Json, Json], None]], Path]


def gate_of(name: str, *wanted: str) -> Json:
    """The steady state of an experiment with only these of its probes."""
    gate: Json = experiment(name)["steady-state-hypothesis"]
    return gate | {"probes": [probe for probe in gate["probes"] if probe["name"] in wanted]}


def as_it_is(_slo: Json, _runbook: Json) -> None:
    pass


def drilled(policy: Path, name: str, promise: str) -> tuple[DrillSeen, Outcome, str]:
    """What the drill showed, and the verdict on the promise it should have proven."""
    with opened(policy.parent / "run", policy=policy) as session:
        seen, _ = run_experiment(name, session)
        verdict = verdict_of(session, promise, seen)
        return seen, verdict.outcome, verdict.reason


def here(entry: ledger.Entry) -> bool:
    """Whether a fault is on our platform: another may be drilled beside."""
    return entry.of.disturbs([SLUG])


def open_here(session: Session) -> list[ledger.Entry]:
    return list(filter(here, ledger.open_entries(session)))


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with opened() as session:
        yield session


@pytest.fixture(autouse=True)
def nothing_stays_open(session: Session) -> Iterator[None]:
    yield
    assert [str(entry) for entry in ledger.undo_all(session, here)] == []
    assert rollout(session, "microservices", "auth-service").available == 3


@pytest.fixture(scope="module")
def empty_prometheus(session: Session) -> Iterator[str]:
    """One with our rules and no samples: what is absent there, is absent at once."""
    with namespace(session, f"{SPACE}-rules"):
        yield prometheus(session, f"{SPACE}-rules", prometheus_rules(session.policy, SLUG, session.profile))


@pytest.fixture
def policy_there(policy_with: Changed, empty_prometheus: str) -> Path:
    def look_there(slo: Json, _: Json) -> None:
        slo["targets"]["rundrill"]["platforms"][SLUG]["prometheus"]["service"] = empty_prometheus

    return policy_with(look_there)


def test_a_rule_that_fires_before_the_fault_proves_nothing(policy_there: Path) -> None:
    gate = gate_of(LOSE, "alert-is-quiet")
    write(policy_there, LOSE, experiment(LOSE, **{"steady-state-hypothesis": gate}))
    seen, outcome, reason = drilled(policy_there, LOSE, DOWN)
    assert outcome is Outcome.UNKNOWN, reason
    assert seen.quiet_before is False
    assert seen.proof is None
    assert not any(step.name == "scale-auth-to-zero" for step in seen.steps)


def test_a_rule_that_is_deleted_meanwhile_is_never_met(policy_there: Path, session: Session) -> None:
    gate = gate_of(HIDE, "alert-is-quiet")
    write(policy_there, HIDE, experiment(HIDE, **{"steady-state-hypothesis": gate}))
    run = policy_there.parent / "run"
    process = start(policy_there, run, HIDE)
    try:
        assert reaches(run, HIDE, "fault_proven")
        drop_rules(session, f"{SPACE}-rules")
        said, _ = process.communicate(timeout=180)
    finally:
        process.kill()
    assert said == ""
    names = {hop.name for hop, _ in hops.noted(run / "evidence" / HIDE)}
    assert "undone" in names
    assert not names & {"pending", "firing", "witness:pagerduty-critical"}


def test_a_fault_that_users_do_not_feel_is_not_proven(policy_with: Changed, session: Session) -> None:
    policy = policy_with(as_it_is)
    with namespace(session, SPACE, {guard.LABEL: guard.ALLOWED}):
        deployment(session, SPACE, "sleeper")
        content = experiment(LOSE, **{"steady-state-hypothesis": gate_of(LOSE, "alert-is-quiet")})
        where = content["method"][0]["provider"]["arguments"]
        content["method"][0]["provider"]["arguments"] = where | {"namespace": SPACE, "workload": "sleeper"}
        write(policy, LOSE, content)
        seen, outcome, reason = drilled(policy, LOSE, DOWN)
        assert rollout(session, SPACE, "sleeper").available == 2
    assert outcome is Outcome.UNKNOWN, reason
    assert "not proven" in reason
    assert seen.proof is None
    assert "still answered" in reason


def test_a_fault_that_is_refused_is_not_proven(policy_with: Changed, session: Session) -> None:
    policy = policy_with(as_it_is)
    with namespace(session, SPACE):
        deployment(session, SPACE, "sleeper")
        content = experiment(LOSE, **{"steady-state-hypothesis": gate_of(LOSE, "alert-is-quiet")})
        where = content["method"][0]["provider"]["arguments"]
        content["method"][0]["provider"]["arguments"] = where | {"namespace": SPACE, "workload": "sleeper"}
        write(policy, LOSE, content)
        seen, outcome, reason = drilled(policy, LOSE, DOWN)
        assert rollout(session, SPACE, "sleeper").available == 2
    assert outcome is Outcome.UNKNOWN, reason
    assert "carries no label" in reason
    assert seen.undone is None


def test_a_crowd_of_nobody_proves_nothing(policy_with: Changed) -> None:
    policy = policy_with(as_it_is)
    (own(policy, "loadtests") / "nobody.py").write_text(NOBODY)
    content = experiment(LOSE)
    write(policy, LOSE, content | {"configuration": content["configuration"] | {"crowd": "nobody"}})
    seen, outcome, reason = drilled(policy, LOSE, DOWN)
    assert outcome is Outcome.UNKNOWN, reason
    assert seen.steady_before is not True
    assert seen.proof is None


def at_once(policy: Path) -> None:
    """The loss of the auth service without the twenty seconds of load before it."""
    write(policy, LOSE, experiment(LOSE, **{"steady-state-hypothesis": gate_of(LOSE, "alert-is-quiet")}))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_drill_that_is_interrupted_undoes_its_fault(
    policy_with: Changed, session: Session, number: signal.Signals
) -> None:
    policy = policy_with(as_it_is)
    at_once(policy)
    run = policy.parent / "run"
    process = start(policy, run, LOSE)
    try:
        assert reaches(run, LOSE, "fault_proven")
        process.send_signal(number)
        said, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    assert said.startswith("KeyboardInterrupt")
    assert "3 replicas ready" in said
    assert open_here(session) == []


def test_a_drill_whose_experiment_is_killed_is_undone_by_its_parent(
    policy_with: Changed, session: Session
) -> None:
    policy = policy_with(as_it_is)
    at_once(policy)
    run = policy.parent / "run"
    process = start(policy, run, LOSE)
    try:
        assert reaches(run, LOSE, "fault_proven")
        signal.pidfd_send_signal(_pidfd(child_of(process)), signal.SIGKILL)
        said, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    assert said.startswith(NoEvidence.__name__)
    assert "left no journal" in said
    assert open_here(session) == []


def test_an_experiment_whose_runner_is_killed_undoes_itself(policy_with: Changed, session: Session) -> None:
    policy = policy_with(as_it_is)
    at_once(policy)
    run = policy.parent / "run"
    process = start(policy, run, LOSE)
    try:
        assert reaches(run, LOSE, "fault_proven")
        child = _pidfd(child_of(process))
        process.kill()
        assert until(lambda: not open_here(session), SOON)
    finally:
        process.kill()
    assert until(lambda: _ended(child), SOON)


def _pidfd(process: int) -> int:
    return os.pidfd_open(process)


def _ended(pidfd: int) -> bool:
    return bool(select.select([pidfd], [], [], 0)[0])
