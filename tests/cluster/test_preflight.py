"""What a target lets us do is asked of it: the same question gets another answer from another account."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from accounts import as_account

from rundrill.preflight import Possible, possible
from rundrill.session import Session, open_session

pytestmark = [pytest.mark.cluster, pytest.mark.soak, pytest.mark.on("aiaas")]


def asked(session: Session) -> dict[str, Possible]:
    slugs = [runbook.runbook for runbook in session.policy.runbooks]
    return {one.fault.partition("(")[2].rstrip(")"): one for one in possible(session, slugs)}


def test_every_fault_works_on_the_drill_cluster_and_says_how(session: Session) -> None:
    found = asked(session)
    assert [one.fault for one in found.values() if not one.works] == []
    assert "no netem on" in found["latency.slow"].says or found["latency.slow"].says == "by netem"
    assert "aiaas" in found["replica.stop_replay"].says
    assert session.kube.items("v1/Pod", "rundrill", "rundrill.dev/looks") == []


def test_the_reader_is_told_what_it_may_not(
    session: Session, policy_with: Callable[[Any], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def named(slo: dict[str, Any], _: Any) -> None:
        slo["targets"]["as-reader"] = slo["targets"]["rundrill"]

    monkeypatch.setenv("KUBECONFIG", str(as_account(session, "reader", tmp_path / "kubeconfig")))
    with open_session(policy_with(named), "kube://as-reader", tmp_path / "run", True) as reader:
        found = asked(reader)
    assert "does not let us delete pods" in found["kill.kill_pods"].says
    assert "does not let us create pods in rundrill" in found["network.refuse"].says
    assert "could not" in found["network.refuse"].says or "403" in found["network.refuse"].says
    assert found["cache.flush"].works, "a Redis is asked with its own password"
