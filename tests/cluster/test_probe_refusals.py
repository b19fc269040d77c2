"""A question that cannot be answered is named and UNKNOWN, and the rest goes on."""

from typing import Any

import pytest
from workbench import POLICY, TARGET

from rundrill.errors import RundrillError
from rundrill.measure import ask
from rundrill.policy import load_policy
from rundrill.probe import Probe
from rundrill.session import Session
from rundrill.target import PlatformAddresses, open_target

pytestmark = [pytest.mark.cluster, pytest.mark.apart]

SLUG = "aic-aipaas"
NOWHERE = "no-such-namespace"
AUTH = {"namespace": "microservices", "selector": "app=auth-service"}


@pytest.mark.parametrize(
    ("probe", "reason"),
    [
        pytest.param(
            {"workload": {"kind": "Deployment", "namespace": NOWHERE, "names": ["x"]}},
            "no namespace",
            id="workload",
        ),
        pytest.param({"object": {"api": "v1/ConfigMap", "namespace": NOWHERE}}, "no namespace", id="object"),
        pytest.param({"logs": {"namespace": NOWHERE, "selector": "a=b"}}, "no namespace", id="logs"),
        pytest.param(
            {"in-pod": {"namespace": NOWHERE, "selector": "a=b", "file": "/x"}}, "no namespace", id="in-pod"
        ),
        pytest.param({"events": {"namespace": NOWHERE}}, "no namespace", id="events"),
        pytest.param({"rbac": {"namespace": NOWHERE}}, "no namespace", id="rbac"),
        pytest.param({"accounts": {"namespace": NOWHERE}}, "no namespace", id="accounts"),
        pytest.param({"claims": {"namespace": NOWHERE}}, "no namespace", id="claims"),
        pytest.param({"secret": {"namespace": NOWHERE}}, "no namespace", id="secret"),
        pytest.param({"certificate": {"secret": f"{NOWHERE}/x"}}, "no namespace", id="certificate"),
        pytest.param({"config": {"namespace": NOWHERE, "config_map": "x"}}, "no namespace", id="config"),
        pytest.param(
            {"access": {"as": "me", "verb": "get", "resource": "pods", "namespace": NOWHERE}},
            "no namespace",
            id="access",
        ),
        pytest.param(
            {"promql": {"query": "sum(up"}}, "parse error|unclosed", id="PromQL that does not parse"
        ),
        pytest.param({"sql": {"query": "DELETE FROM users"}}, "read-only transaction", id="SQL that writes"),
        pytest.param({"sql": {"query": "SELECT FROM WHERE"}}, "syntax error", id="SQL that does not parse"),
        pytest.param(
            {"sql": {"query": "SELECT nothing FROM no_such_table"}}, "does not exist", id="a missing table"
        ),
        pytest.param(
            {"sql": {"query": "SELECT 1", "server": "nobody"}},
            "no PostgreSQL role 'nobody'",
            id="no such server",
        ),
        pytest.param(
            {"postgres-setting": {"setting": "no_such"}}, "no setting 'no_such'", id="no such setting"
        ),
        pytest.param(
            {"redis": {"command": "FLUSHALL"}},
            "not a command that only reads",
            id="Redis command that writes",
        ),
        pytest.param({"kafka": {"brokers": True}}, "names no Kafka for aic-aipaas", id="no Kafka"),
        pytest.param(
            {"object": {"api": "v1/Pod", "selector": "a b c"}}, "no label selector", id="no selector"
        ),
        pytest.param(
            {"access": {"as": "me", "verb": "get", "resource": "podz"}},
            "no resource 'podz'",
            id="no such resource",
        ),
        pytest.param(
            {"in-pod": {**AUTH, "container": "nobody", "command": "true"}},
            "nobody",
            id="a container that is not there",
        ),
        pytest.param(
            {"network": {"from": AUTH, "to": "microservices/nobody:80"}},
            "no service microservices/nobody",
            id="no service",
        ),
        pytest.param(
            {"tls": {"service": "microservices/auth-service:8000", "server_name": "x"}},
            "does not speak TLS",
            id="no TLS",
        ),
        pytest.param(
            {"verdict": {"promise": "aic-aipaas.no.such"}}, "no promise is called", id="no such promise"
        ),
        pytest.param({"backup": {"backup": "nothing"}}, "no backup 'nothing'", id="no such backup"),
    ],
)
def test_a_question_that_cannot_be_answered_is_named(
    probe: dict[str, Any], reason: str, session: Session
) -> None:
    with pytest.raises(RundrillError, match=reason):
        ask(Probe.model_validate(probe), session, SLUG)


def test_a_statement_that_takes_too_long_is_stopped(session: Session) -> None:
    slow = Probe.model_validate({"sql": {"query": "SELECT pg_sleep(60)"}})
    with pytest.raises(RundrillError, match="statement timeout"):
        ask(slow, session, SLUG)
    again = Probe.model_validate({"sql": {"query": "SELECT 1 AS one"}})
    _, (seen, _) = ask(again, session, SLUG)
    assert seen.readings[0].facts["one"] == 1


@pytest.fixture(scope="module")
def nobody_home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A session on a platform none of whose servers are there."""
    policy = load_policy(POLICY)
    target = open_target(TARGET, policy)
    there = {"service": "microservices/nobody:1234"}
    login = {**there, "user": "x", "password": {"secret": "data-services/rundrill-access/reader-password"}}
    platform = PlatformAddresses.model_validate(
        {
            "prometheus": there,
            "alertmanager": there,
            "postgres": {"reader": login},
            "redis": login,
            "kafka": there,
        }
    )
    entry = target.entry.model_copy(update={"platforms": {SLUG: platform}})
    opened = target.model_copy(update={"entry": entry})
    with Session(policy, opened, tmp_path_factory.mktemp("run"), disruptive=False) as session:
        yield session


@pytest.mark.parametrize(
    "probe",
    [
        pytest.param({"promql": {"query": "up"}}, id="Prometheus"),
        pytest.param({"rule": {"alert": "X"}}, id="a rule of it"),
        pytest.param({"sql": {"query": "SELECT 1"}}, id="PostgreSQL"),
        pytest.param({"postgres-setting": {"setting": "work_mem"}}, id="a setting of it"),
        pytest.param({"redis": {"command": "PING"}}, id="Redis"),
        pytest.param({"redis": {"keys": "*"}}, id="keys of it"),
        pytest.param({"kafka": {"brokers": True}}, id="Kafka"),
        pytest.param({"tls": {"service": "microservices/nobody:443", "server_name": "x"}}, id="TLS"),
    ],
)
def test_a_server_that_is_not_there_is_named(probe: dict[str, Any], nobody_home: Session) -> None:
    with pytest.raises(RundrillError, match=r"nobody|1234"):
        ask(Probe.model_validate(probe), nobody_home, SLUG)
