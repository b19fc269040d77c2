"""The platform is observed: samples come, notifications are kept, backups are made, the ingress routes."""

import contextlib
import http.client
import json
import socket
import ssl
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from workbench import opened

from rundrill.faults.rollout import rollout
from rundrill.session import Session
from rundrill.target import ServiceAddress
from rundrill.waiting import until

pytestmark = pytest.mark.cluster

PROMETHEUS = ServiceAddress(service="monitoring/prometheus:9090")
ALERTMANAGER = ServiceAddress(service="monitoring/alertmanager:9093")
WITNESS = ServiceAddress(service="monitoring/witness:8070")
SOON = timedelta(seconds=120)


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with opened(disruptive=False) as session:
        yield session


def get(session: Session, address: ServiceAddress, path: str, **params: str) -> Any:
    status, body = session.kube.service_get(address, path, params or None, timeout=15)
    assert status == 200, body
    return json.loads(body)


def value(session: Session, query: str) -> float:
    found = get(session, PROMETHEUS, "/api/v1/query", query=query)["data"]["result"]
    return float(found[0]["value"][1]) if found else float("nan")


@pytest.mark.parametrize(
    ("job", "count"),
    [
        ("auth-service", 3),
        ("app-management-service", 2),
        ("inference-service", 2),
        ("catalog-service", 2),
        ("postgresql", 1),
        ("redis", 1),
        ("node-exporter", 2),
        ("canary", 1),
        ("kube-state", 1),
    ],
)
def test_every_replica_is_scraped_under_its_app_label(session: Session, job: str, count: int) -> None:
    query = f'count(up{{job="{job}", namespace!="", pod!="", node!=""}} == 1)'
    assert until(lambda: value(session, query) == count, SOON)


@pytest.mark.parametrize(
    "service", ["auth-service", "app-management-service", "catalog-service", "inference-service"]
)
def test_the_canary_makes_samples_of_users_requests(session: Session, service: str) -> None:
    served = f'sum(increase(http_requests_total{{service="{service}", code="200"}}[1m]))'
    seen = f'sum(increase(canary_requests_total{{service="{service}", code="200"}}[1m]))'
    assert until(lambda: value(session, served) > 0 and value(session, seen) > 0, SOON)


def test_health_checks_are_not_counted_as_users_requests(session: Session) -> None:
    found = get(session, PROMETHEUS, "/api/v1/series", **{"match[]": "http_requests_total"})["data"]
    assert found
    assert not [s["route"] for s in found if s["route"] in ("/health", "/ready", "/metrics", "/auth/status")]


def test_a_webhook_is_kept_by_the_witness(session: Session) -> None:
    name = f"Test{uuid.uuid4().hex[:8]}"
    body = {
        "status": "firing",
        "alerts": [{"status": "firing", "labels": {"alertname": name}, "fingerprint": "f"}],
    }
    since = get(session, WITNESS, "/clock")["now"]
    assert session.kube.service_post(WITNESS, "/channel/slack-alerts-info", body)[0] == 200
    [kept] = get(session, WITNESS, "/notifications", alertname=name, since=since)
    assert kept["channel"] == "slack-alerts-info"
    assert kept["alerts"][0]["labels"] == {"alertname": name}
    assert datetime.fromisoformat(kept["arrived_at"]) >= datetime.fromisoformat(since)


def test_a_backup_is_whole_and_says_what_it_holds(session: Session) -> None:
    def shell(script: str) -> str:
        done = session.kube.exec(
            "data-services", "postgresql-0", "postgresql", ["bash", "-euo", "pipefail", "-c", script]
        )
        assert done.code == 0, done.stderr
        return done.stdout.decode().strip()

    assert until(
        lambda: bool(shell("ls /backups | grep -c 'backup_.*json' || true").strip("0")), timedelta(minutes=8)
    )
    newest = shell("ls /backups/backup_*.json | tail -1")
    described = json.loads(shell(f"cat {newest}"))
    dump = f"/backups/{described['dump']}"
    assert shell(f"sha256sum {dump} | cut -d' ' -f1; stat -c %s {dump}").split() == [
        described["sha256"],
        str(described["size"]),
    ]
    assert "PostgreSQL database dump complete" in shell(f"zcat {dump} | tail -5")
    assert described["tables"]["public.users"]["rows"] >= 2001
    assert datetime.fromisoformat(described["last_marker"]["written_at"]) <= datetime.now(UTC)


def test_the_cronjob_succeeds_by_its_own_schedule(session: Session) -> None:
    def seen() -> dict[str, Any]:
        return session.kube.one("batch/v1/CronJob", "data-services", "postgresql-backup")

    assert until(lambda: "lastSuccessfulTime" in seen()["status"], timedelta(minutes=8))
    assert not seen()["spec"].get("suspend")
    assert seen()["spec"]["concurrencyPolicy"] == "Forbid"


@contextlib.contextmanager
def ingress(session: Session, host: str) -> Iterator[http.client.HTTPSConnection]:
    """A verified TLS connection to the ingress, in the name of this host."""
    authority = session.kube.one("v1/ConfigMap", "istio-system", "ingress-ca")["data"]["ca.crt"]
    context = ssl.create_default_context(cadata=authority)
    with session.kube.forward("istio-system", "svc/istio-ingressgateway", 443) as address:
        connection = http.client.HTTPSConnection(host, timeout=15)
        connection.sock = context.wrap_socket(socket.create_connection(address, 15), server_hostname=host)
        try:
            yield connection
        finally:
            connection.close()


@pytest.mark.parametrize(
    ("host", "path", "status"),
    [
        ("auth.aic-aipaas.local", "/health", 200),
        ("apps.aic-aipaas.local", "/applications", 200),
        ("ai.aic-aipaas.local", "/inference/predictions", 200),
        ("data.aic-aipaas.local", "/schema/schemas", 200),
        ("auth.aic-aipaas.local", "/metrics", 404),
    ],
)
def test_the_ingress_routes_by_host_under_a_certificate_that_verifies(
    session: Session, host: str, path: str, status: int
) -> None:
    with ingress(session, host) as connection:
        connection.request("GET", path)
        assert connection.getresponse().status == status


def test_an_unknown_host_is_not_found(session: Session) -> None:
    with ingress(session, "auth.aic-aipaas.local") as connection:
        connection.request("GET", "/health", headers={"Host": "other.example"})
        assert connection.getresponse().status == 404


def test_a_rolling_restart_loses_no_request_and_leaves_no_old_worker(session: Session) -> None:
    old = {pod["metadata"]["uid"] for pod in auth_pods(session)}
    stamp = {"kubectl.kubernetes.io/restartedAt": datetime.now(UTC).isoformat()}
    body = {"spec": {"template": {"metadata": {"annotations": stamp}}}}
    codes: list[int] = []
    with ingress(session, "auth.aic-aipaas.local") as connection:
        session.kube.patch("apps/v1/Deployment", "microservices", "auth-service", body, kind="strategic")
        deadline = time.monotonic() + 180
        while not done_without(session, old) and time.monotonic() < deadline:
            codes += [log_in(connection) for _ in range(5)]
    assert done_without(session, old)
    assert set(codes) == {200}
    for pod in auth_pods(session):
        argv = ["pgrep", "-fc", "python3 -m services"]
        found = session.kube.exec("microservices", pod["metadata"]["name"], "auth-service", argv)
        # catatonit, the parent of the workers, and four of them.
        assert int(found.stdout) == 6


def log_in(connection: http.client.HTTPSConnection) -> int:
    body = json.dumps({"username": "user-0001", "password": "pw-user-0001"})
    connection.request("POST", "/auth/login", body)
    response = connection.getresponse()
    response.read()
    return response.status


def auth_pods(session: Session) -> list[dict[str, Any]]:
    return session.kube.items("v1/Pod", "microservices", "app=auth-service")


def done_without(session: Session, old: set[str]) -> bool:
    there = {pod["metadata"]["uid"] for pod in auth_pods(session)}
    return not there & old and len(there) == 3 and rollout(session, "microservices", "auth-service").complete
