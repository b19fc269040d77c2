"""A rule that was deleted, or rewritten by hand, in a real Prometheus that loaded the rest as generated."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from workbench import namespace

from conftest import rows_of
from rundrill.errors import TargetError
from rundrill.generate.prometheus import prometheus_rules
from rundrill.session import Session
from rundrill.verdict import Outcome
from rundrill.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.apart]

SLUG, SPACE = "aic-aipaas", "rundrill-test-rules"
PATIENCE = timedelta(seconds=60)

type Json = dict[str, Any]


@pytest.fixture(scope="module")
def other_prometheus(session: Session) -> Iterator[str]:
    """A Prometheus without the rule of alert.db-pool, and with another threshold in that of alert.high-error-rate."""
    with namespace(session, SPACE):
        session.kube.create(
            "v1/ConfigMap", SPACE, {"metadata": {"name": "rules"}, "data": configuration(session)}
        )
        session.kube.create("v1/Pod", SPACE, pod(session))
        ports = [{"port": 9090, "name": "http"}]
        service = {
            "metadata": {"name": "prometheus"},
            "spec": {"selector": {"app": "prometheus"}, "ports": ports},
        }
        session.kube.create("v1/Service", SPACE, service)
        assert until(lambda: evaluated(session), PATIENCE), session.kube.logs(SPACE, "prometheus", tail=5)
        yield f"{SPACE}/prometheus:9090"


def configuration(session: Session) -> dict[str, str]:
    rules = yaml.safe_load(prometheus_rules(session.policy, SLUG, session.profile))
    (group,) = rules["groups"]
    kept = [rule for rule in group["rules"] if rule["labels"]["promise"] != f"{SLUG}.alert.db-pool"]
    assert len(kept) == len(group["rules"]) - 1
    for rule in kept:
        if rule["labels"]["promise"].endswith("high-error-rate"):
            rule["expr"] = rule["expr"].replace("0.05", "0.5")
    group["rules"] = kept
    prometheus = {"global": {"evaluation_interval": "1s"}, "rule_files": ["rules.yml"]}
    return {"prometheus.yml": yaml.safe_dump(prometheus), "rules.yml": yaml.safe_dump(rules)}


def pod(session: Session) -> Json:
    ours = session.kube.one("apps/v1/StatefulSet", "monitoring", "prometheus")
    container: Json = {
        "name": "prometheus",
        "image": ours["spec"]["template"]["spec"]["containers"][0]["image"],
        "command": ["prometheus", "--config.file=/etc/rules/prometheus.yml", "--storage.tsdb.path=/tmp/data"],
        "volumeMounts": [{"name": "rules", "mountPath": "/etc/rules"}],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": 9090}, "periodSeconds": 1},
    }
    volumes = [{"name": "rules", "configMap": {"name": "rules"}}]
    spec = {"containers": [container], "volumes": volumes, "terminationGracePeriodSeconds": 0}
    return {"metadata": {"name": "prometheus", "labels": {"app": "prometheus"}}, "spec": spec}


def evaluated(session: Session) -> bool:
    try:
        status, body = session.kube.pod_get(SPACE, "prometheus", 9090, "/api/v1/rules")
    except TargetError:  # It has no address yet.
        return False
    return status == 200 and b'"health":"ok"' in body and b'"health":"unknown"' not in body


@pytest.mark.parametrize(
    ("name", "outcome", "words"),
    [
        pytest.param("alert.db-pool", Outcome.MISSED, "no rule with promise=", id="deleted"),
        pytest.param("alert.high-error-rate", Outcome.MISSED, "> 0.5", id="rewritten"),
        pytest.param("alert.service-down", Outcome.NOT_RUN, "wired as promised", id="as it was"),
    ],
)
def test_a_rule_that_is_not_loaded_as_promised_is_missed(
    other_prometheus: str, policy_with: Callable[..., Path], name: str, outcome: Outcome, words: str
) -> None:
    def look_there(slo: Json, runbook: Json) -> None:
        slo["targets"]["rundrill"]["platforms"][SLUG]["prometheus"]["service"] = other_prometheus

    (row,) = rows_of(policy_with(look_there), [f"{SLUG}.{name}"]).values()
    assert row.verdict.outcome is outcome, row.verdict
    assert words in row.verdict.reason
