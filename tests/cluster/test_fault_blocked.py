"""A fault that is blocked on purpose is never called proven, and no promise is MET by it: each way of blocking, and none."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from accounts import as_account
from drilling import verdict_of, write
from serving import SERVER, serve
from workbench import SOON, TARGET, namespace, opened

from rundrill import guard, hops, ledger
from rundrill.faults import grip
from rundrill.faults.rollout import rollout
from rundrill.measure.chaos import run_experiment
from rundrill.session import Session, open_session
from rundrill.verdict import Outcome
from rundrill.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.apart]
SLUG, SPACE, NAME = "scratch", "rundrill-test-blocked", "cut-a-server"
PROMISE = f"{SLUG}.procedure.cut-a-server"
READY = {"object": {"api": "apps/v1/Deployment", "namespace": SPACE, "names": ["server"],
                    "fields": {"ready": "status.readyReplicas"}}}  # fmt: skip
TURN = {"object": {"api": "v1/ConfigMap", "namespace": SPACE, "names": ["turn"]}}
"""Made once whoever meddles with the fault has done so: the experiment goes on to its undo."""

# Read by the chaos child as it starts: its hands lay nothing.
_IN_VAIN = """
from dataclasses import replace
from datetime import timedelta
from rundrill.faults import network
laid = network._scripts
network._scripts = lambda rules: replace(laid(rules), begin=":")
network.BITES_WITHIN = timedelta(seconds=3)
"""

type Json = dict[str, Any]
type Sabotage = Callable[[Session], None]


def _step(name: str, module: str, func: str, kind: str = "action", /, **arguments: Any) -> Json:
    provider = {"type": "python", "module": f"rundrill.{module}", "func": func, "arguments": arguments}
    return {"name": name, "type": kind, "provider": provider}


EXPERIMENT: Json = {
    "title": "A server cannot reach its own service",
    "description": "For tests: refused connections out of one pod.",
    "configuration": {"runbook": SLUG, "whole_service": True},
    "steady-state-hypothesis": {
        "title": "Both are ready",
        "probes": [_step("both-are-ready", "conditions", "is_so", "probe", probe=READY, expect={"ready": {"equals": 2}})
                   | {"tolerance": True}],
    },
    "method": [
        _step("cut", "faults.network", "refuse", namespace=SPACE, selector=SERVER, port=8000,
              peer=f"{SPACE}/server", count=1),
        _step("others-had-their-turn", "conditions", "seen", "probe", probe=TURN, expect={"found": {"equals": True}}),
        _step("undo", "faults.undo", "undo_all"),
        _step("is-done", "conditions", "is_done"),
    ],
    "rollbacks": [_step("close-the-ledger", "faults.undo", "undo_all")],
}  # fmt: skip


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with opened() as session, namespace(session, SPACE, {guard.LABEL: guard.ALLOWED}):
        serve(session, SPACE)
        yield session


@pytest.fixture
def policy(policy_with: Callable[[Any], Path]) -> Path:
    """A policy with one runbook more, of one promise, which this experiment proves: its Lease is nobody else's."""

    def changed(slo: Json, _: Json) -> None:
        slo["include"].append(f"runbooks/{SLUG}.yaml")
        targets = slo["targets"]
        targets["rundrill"]["platforms"][SLUG] = targets["rundrill"]["platforms"]["aic-aipaas"]
        targets["as-driller"] = targets["rundrill"]

    path = policy_with(changed)
    then = [{"probe": READY, "expect": {"ready": {"equals": 2}}}]
    promise: Json = {"id": PROMISE, "says": "both are ready in the end", "source": "Tests", "gate": "must"}
    promise |= {"drill": {"experiment": NAME, "within": "60s", "then": then}}
    runbook: Json = {"runbook": SLUG, "title": "Scratch", "document": "of the tests", "clauses": 1}
    runbook |= {"indicators": {}, "receivers": {}, "promises": [promise]}
    (path.parent / "runbooks" / f"{SLUG}.yaml").write_text(yaml.safe_dump(runbook, sort_keys=False))
    write(path, NAME, EXPERIMENT)
    return path


def drilled(
    policy: Path, sabotage: Sabotage | None = None, target: str = TARGET
) -> tuple[Outcome, str, bool]:
    """The verdict, its reason, and whether the fault counts as proven; the sabotage comes once it was, or the test fails."""
    run = policy.parent / "run"

    def meddle(session: Session) -> None:
        if sabotage:
            assert until(lambda: hops.reached(run / "evidence" / NAME, "fault_proven"), SOON), "no fault"
            sabotage(session)
        session.kube.create("v1/ConfigMap", SPACE, {"metadata": {"name": "turn"}})

    with opened() as others, open_session(policy, target, run, True) as session:
        with ThreadPoolExecutor(1) as beside:
            meddling = beside.submit(meddle, others)
            seen, _ = run_experiment(NAME, session)
            meddling.result()
        verdict = verdict_of(session, PROMISE, seen)
    return verdict.outcome, verdict.reason, seen.proof is not None


@pytest.fixture(autouse=True)
def nothing_is_left(session: Session) -> Iterator[None]:
    yield
    session.kube.delete("v1/ConfigMap", SPACE, "turn")
    assert not [one for one in ledger.open_entries(session) if one.of.experiment == NAME]
    assert until(lambda: rollout(session, SPACE, "server").complete, SOON)


def test_a_fault_that_nobody_blocks_is_proven_and_its_promise_met(session: Session, policy: Path) -> None:
    outcome, reason, proven = drilled(policy)
    assert (outcome, proven) == (Outcome.MET, True), reason


def test_a_rule_that_was_never_laid_is_no_fault(
    session: Session, policy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hand does its work and says so, and nothing of it arrives in the kernel."""
    (tmp_path / "sitecustomize.py").write_text(_IN_VAIN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    outcome, reason, proven = drilled(policy)
    assert (outcome, proven) == (Outcome.UNKNOWN, False), reason
    assert "still works" in reason, reason
    assert hops.reached(policy.parent / "run" / "evidence" / NAME, hops.LAPSED) is None


@pytest.mark.soak
def test_a_rule_that_is_deleted_under_our_feet_is_no_fault(session: Session, policy: Path) -> None:
    def flush(session: Session) -> None:
        hands = session.kube.items("v1/Pod", ledger.NAMESPACE, f"{grip.LABEL}=holds")
        ours = next(str(one["metadata"]["name"]) for one in hands if f'"{_uid(session)}"' in json.dumps(one))
        script = f"{grip.FIND}\nwithin iptables -F OUTPUT"
        assert session.kube.exec(ledger.NAMESPACE, ours, None, ["bash", "-c", script]).code == 0

    outcome, reason, proven = drilled(policy, flush)
    assert (outcome, proven) == (Outcome.UNKNOWN, False), reason
    assert "taken back meanwhile" in reason


def test_a_pod_that_is_replaced_meanwhile_is_no_fault(session: Session, policy: Path) -> None:
    def replace(session: Session) -> None:
        session.kube.delete("v1/Pod", SPACE, _first(session), grace=0)

    outcome, reason, proven = drilled(policy, replace)
    assert (outcome, proven) == (Outcome.UNKNOWN, False), reason
    assert "replaced meanwhile" in reason


@pytest.mark.soak
def test_a_fault_that_somebody_else_undoes_meets_nothing(session: Session, policy: Path) -> None:
    def undo(session: Session) -> None:
        entry = next(one for one in ledger.open_entries(session) if one.of.experiment == NAME)
        ledger.undo(session, entry, "by somebody else")

    outcome, reason, _ = drilled(policy, undo)
    assert outcome is Outcome.UNKNOWN, reason


def test_a_fault_that_the_api_server_refuses_is_not_proven(
    session: Session, policy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driller's account, which this namespace has not let in: it holds Lease and ledger, and no more."""
    kubeconfig = as_account(session, "driller", tmp_path / "kubeconfig")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    content = {**EXPERIMENT, "method": [_refused_step(), *EXPERIMENT["method"][1:]]}
    write(policy, NAME, content)
    outcome, reason, proven = drilled(policy, target="kube://as-driller")
    assert (outcome, proven) == (Outcome.UNKNOWN, False), reason
    assert "403" in reason or "forbidden" in reason, reason


def _refused_step() -> Json:
    patch = {"spec": {"minReadySeconds": 1}}
    return _step("change", "faults.change", "patch", api="apps/v1/Deployment", namespace=SPACE, name="server",
                 patch=patch)  # fmt: skip


def _first(session: Session) -> str:
    pods = session.kube.items("v1/Pod", SPACE, SERVER)
    return min(str(one["metadata"]["name"]) for one in pods if "deletionTimestamp" not in one["metadata"])


def _uid(session: Session) -> str:
    return str(session.kube.one("v1/Pod", SPACE, _first(session))["metadata"]["uid"])
