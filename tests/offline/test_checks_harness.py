"""A check that comes to no verdict is never taken for one that was not to run."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from rundrill import harness
from rundrill.errors import NoEvidence
from rundrill.evidence import Evidence
from rundrill.harness import Harness
from rundrill.policy import load_policy
from rundrill.promise import Promise
from rundrill.report import gate_exit
from rundrill.selection import Asked
from rundrill.session import Session
from rundrill.target import open_target
from rundrill.verdict import Outcome

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Harness:
    """A run on a target where nobody answers."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        "{clusters: [{name: x, cluster: {server: 'https://127.0.0.1:1'}}], users: [{name: x, user: {token: t}}],"
        " contexts: [{name: rundrill, context: {cluster: x, user: x}}]}"
    )
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setenv("RUNDRILL_HOME", str(tmp_path / "home"))
    policy = load_policy(ROOT / "slo.yaml")
    session = Session(policy, open_target("kube://rundrill", policy), tmp_path, False)
    return Harness(session, Asked(), tmp_path, datetime.now(UTC))


def outcomes(run: Harness) -> dict[str, Outcome]:
    return {row.promise.id: row.verdict.outcome for row in run.run().rows}


def test_a_measurement_that_breaks_leaves_its_own_promise_unknown_and_no_other(
    run: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, sound = (
        run.session.policy.promise(f"aic-aipaas.{name}") for name in ("cache.ping", "cache.info")
    )

    def measure(promise: Promise, session: Session) -> Evidence:
        if promise is broken:
            raise KeyError("data")
        raise NoEvidence("nobody answers")

    monkeypatch.setattr(harness, "measure", measure)
    run.ahead([broken, sound])
    with pytest.raises(NoEvidence, match="nobody answers"):
        run.evidence(sound)
    with pytest.raises(KeyError, match="data"):
        run.evidence(broken)
    rows = {row.promise.id: row.verdict for row in run.run().rows}
    assert rows[sound.id].reason == "nobody answers"
    assert rows[broken.id].outcome is Outcome.UNKNOWN
    assert gate_exit(run.run()) == 3


def test_a_check_that_was_to_run_and_left_no_verdict_is_unknown(run: Harness) -> None:
    state, drill = (
        run.session.policy.promise(f"aic-aipaas.{name}") for name in ("cache.ping", "procedure.node-drain")
    )
    run.ahead([state, drill])
    found = outcomes(run)
    assert (found[state.id], found[drill.id]) == (Outcome.UNKNOWN, Outcome.NOT_RUN)
    assert found["aic-aipaas.cache.info"] is Outcome.NOT_RUN


def test_a_check_that_an_interruption_kept_from_running_was_not_run(run: Harness) -> None:
    run.ahead(run.session.policy.promises)
    run.interrupted = True
    assert set(outcomes(run).values()) == {Outcome.NOT_RUN}
