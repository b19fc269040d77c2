"""Bringing the platform up again changes nothing, and what went wrong meanwhile is mended."""

import pytest
from workbench import POLICY, opened

from rundrill import cluster, platform
from rundrill.policy import load_policy

pytestmark = pytest.mark.cluster


def bring_up() -> list[str]:
    said: list[str] = []
    platform.bring_up(["aic-aipaas"], cluster.open_provider(), load_policy(POLICY), said.append)
    return said


def test_a_second_bring_up_changes_nothing() -> None:
    bring_up()
    with opened(disruptive=False) as session:
        before = {
            p["metadata"]["uid"]
            for p in session.kube.items("v1/Pod", "data-services", "app in (postgresql, redis)")
        }
        password = session.kube.secret("data-services", "rundrill-access", "reader-password")
        assert bring_up() == ["aic-aipaas: up, nothing to change"]
        after = {
            p["metadata"]["uid"]
            for p in session.kube.items("v1/Pod", "data-services", "app in (postgresql, redis)")
        }
        assert before == after
        assert session.kube.secret("data-services", "rundrill-access", "reader-password") == password


def test_what_was_deleted_or_scaled_away_comes_back() -> None:
    with opened(disruptive=False) as session:
        session.kube.delete("policy/v1/PodDisruptionBudget", "microservices", "auth-service")
        session.kube.patch("apps/v1/Deployment", "ai-services", "training-service", {"spec": {"replicas": 1}})
        bring_up()
        assert session.kube.one("policy/v1/PodDisruptionBudget", "microservices", "auth-service")
        seen = session.kube.one("apps/v1/Deployment", "ai-services", "training-service")
        assert seen["status"]["readyReplicas"] == 2


def test_a_rule_that_was_tampered_with_comes_back_from_the_policy() -> None:
    with opened(disruptive=False) as session:
        before = session.kube.one("v1/ConfigMap", "monitoring", "alertmanager-config")["data"]
        key = "alertmanager.yml"
        tampered = {"data": {key: before[key] + "\n# tampered\n"}}
        session.kube.patch("v1/ConfigMap", "monitoring", "alertmanager-config", tampered)
        bring_up()
        assert session.kube.one("v1/ConfigMap", "monitoring", "alertmanager-config")["data"] == before
