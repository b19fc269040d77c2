"""Bringing the platform up again changes nothing, and what went wrong meanwhile is mended."""

import json
from typing import Any

import pytest
from workbench import POLICY, opened

from rundrill import cluster, platform
from rundrill.platform.manifests import monitoring_of, namespaces_of, read_platform
from rundrill.policy import load_policy
from rundrill.session import Session
from rundrill.target import ServiceAddress

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


SLUGS = platform.wanted_platforms(load_policy(POLICY))
EACH = [pytest.param(slug, marks=pytest.mark.on(slug)) for slug in SLUGS]


def asked(session: Session, slug: str, path: str, **params: str) -> Any:
    prometheus = ServiceAddress(service=f"{monitoring_of(slug)}/prometheus:9090")
    status, body = session.kube.service_get(prometheus, path, params or None, timeout=15)
    assert status == 200, body
    return json.loads(body)["data"]


@pytest.mark.parametrize("slug", EACH)
def test_a_platforms_prometheus_sees_its_own_namespaces_and_the_nodes(slug: str) -> None:
    with opened(disruptive=False) as session:
        query = (
            'group by (namespace) ({__name__=~"up|kube_pod_status_phase|container_memory_working_set_bytes"})'
        )
        seen = {
            s["metric"].get("namespace") for s in asked(session, slug, "/api/v1/query", query=query)["result"]
        }
        nodes = asked(
            session, slug, "/api/v1/query", query='kube_node_status_condition{condition="Ready"} == 1'
        )
    own = set(namespaces_of(read_platform(slug, {})))
    # What is shared is scraped where it lives, and a page that it hands on is about no namespace.
    assert seen - {None, "monitoring"} <= own
    assert len(own & seen) > 1
    assert len(nodes["result"]) >= 2


@pytest.mark.parametrize("slug", EACH)
def test_a_platforms_prometheus_has_loaded_the_rules_of_its_runbook_and_no_others(slug: str) -> None:
    policy = load_policy(POLICY)
    promised = {p.alert_name for p in policy.runbook(slug).promises if p.alert and p.alert.when}
    with opened(disruptive=False) as session:
        groups = asked(session, slug, "/api/v1/rules")["groups"]
    assert {rule["name"] for group in groups for rule in group["rules"]} == promised
