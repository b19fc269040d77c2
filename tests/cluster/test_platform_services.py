"""Every service of the platform is healthy, and does its work on real tables and sessions."""

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from workbench import opened

from rundrill.session import Session
from rundrill.target import ServiceAddress
from rundrill.waiting import until

pytestmark = pytest.mark.cluster

AUTH = ServiceAddress(service="microservices/auth-service:8000")
APPS = ServiceAddress(service="microservices/app-management-service:8080")
SERVICES = {
    "microservices/auth-service:8000": "/health",
    "microservices/app-management-service:8080": "/actuator/health",
    "ai-services/training-service:8000": "/health",
    "ai-services/inference-service:8000": "/health",
    "ai-services/synthetic-data-service:8000": "/health",
    "data-services/catalog-service:8000": "/health",
    "data-services/schema-service:8000": "/health",
    "monitoring/witness:8070": "/health",
    "monitoring/kube-state:8080": "/health",
}


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with opened(disruptive=False) as session:
        yield session


def get(session: Session, address: ServiceAddress | str, path: str, **params: str) -> tuple[int, Any]:
    where = ServiceAddress(service=address) if isinstance(address, str) else address
    status, body = session.kube.service_get(where, path, params or None, timeout=15)
    return status, json.loads(body) if body[:1] in b"[{" else body


def post(session: Session, address: ServiceAddress | str, path: str, body: object) -> tuple[int, Any]:
    where = ServiceAddress(service=address) if isinstance(address, str) else address
    status, answer = session.kube.service_post(where, path, body, timeout=15)
    return status, json.loads(answer)


def sql(session: Session, statement: str) -> str:
    """What psql in the database's own pod says: a way that does not lead through the services."""
    argv = ["psql", "-U", "postgres", "-d", "aic_aipaas", "-At", "-c", statement]
    return run(session, "postgresql-0", "postgresql", argv)


def run(session: Session, pod: str, container: str, argv: list[str]) -> str:
    done = session.kube.exec("data-services", pod, container, argv)
    assert done.code == 0, done.stderr
    return done.stdout.decode().strip()


@pytest.mark.parametrize(("service", "path"), SERVICES.items(), ids=[s.partition(":")[0] for s in SERVICES])
def test_the_service_says_that_it_is_well(session: Session, service: str, path: str) -> None:
    status, body = get(session, service, path)
    assert status == 200
    assert body["status"] in ("ok", "UP")


@pytest.mark.parametrize(
    ("service", "path", "dependencies"),
    [
        pytest.param("microservices/auth-service:8000", "/auth/status", {"postgresql", "redis"}, id="auth"),
        pytest.param("data-services/catalog-service:8000", "/status", {"postgresql"}, id="catalog"),
    ],
)
def test_the_status_names_the_dependencies(
    session: Session, service: str, path: str, dependencies: set[str]
) -> None:
    _, body = get(session, service, path)
    assert body["status"] == "ok"
    assert body["dependencies"] == dict.fromkeys(dependencies, "up")


def test_a_new_user_registers_logs_in_and_has_a_session(session: Session) -> None:
    user = {"username": f"test-{uuid.uuid4().hex[:12]}", "password": "correct horse"}
    assert post(session, AUTH, "/auth/register", user)[0] == 201
    assert post(session, AUTH, "/auth/register", user)[0] == 409
    assert post(session, AUTH, "/auth/login", user | {"password": "wrong"})[0] == 401
    status, body = post(session, AUTH, "/auth/login", user)
    assert (status, body["expires_in"]) == (200, 900)

    found = sql(session, f"SELECT id FROM users WHERE username = '{user['username']}'")
    logins = sql(
        session, f"SELECT string_agg(succeeded::text, ',' ORDER BY id) FROM logins WHERE user_id = {found}"
    )
    assert logins == "false,true"
    owner, left = session_in_redis(session, body["token"])
    assert owner == found
    assert 0 < int(left) <= 900


def session_in_redis(session: Session, token: str) -> list[str]:
    import base64

    payload = token.split(".")[1]
    sid = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sid"]
    return [
        run(session, "redis-0", "redis", ["redis-cli", word, f"session:{sid}"]) for word in ("GET", "TTL")
    ]


def test_an_application_is_created_listed_and_stands_in_its_table(session: Session) -> None:
    name = f"test {uuid.uuid4().hex[:12]}"
    status, made = post(session, APPS, "/applications", {"name": name, "owner": "tests"})
    assert status == 201
    assert name in [each["name"] for each in get(session, APPS, "/applications")[1]]
    assert get(session, APPS, f"/applications/{made['id']}")[1]["name"] == name
    assert sql(session, f"SELECT name FROM applications WHERE id = {made['id']}") == name
    assert get(session, APPS, "/applications/0")[0] == 404


def test_a_body_of_the_wrong_form_is_refused_with_the_field(session: Session) -> None:
    status, body = post(session, APPS, "/applications", {"name": 7, "owner": "tests"})
    assert status == 400
    assert "name" in body["error"]


def test_the_pool_has_the_runbooks_settings(session: Session) -> None:
    _, body = get(session, APPS, "/actuator/configprops")
    [bean] = body["contexts"]["application"]["beans"].values()
    assert bean["properties"] == {
        "maximumPoolSize": 20,
        "minimumIdle": 5,
        "connectionTimeout": 30000,
        "idleTimeout": 600000,
        "maxLifetime": 1800000,
    }


def test_the_actuator_lists_what_it_measures(session: Session) -> None:
    _, body = get(session, APPS, "/actuator/metrics")
    assert {"hikaricp.connections.active", "http.server.requests"} <= set(body["names"])
    _, body = get(session, APPS, "/actuator/metrics/hikaricp.connections.max")
    assert body["measurements"] == [{"statistic": "VALUE", "value": 20.0}]
    assert get(session, APPS, "/actuator/metrics/no.such")[0] == 404


def test_a_training_job_is_queued_and_finishes(session: Session) -> None:
    service = "ai-services/training-service:8000"
    status, job = post(session, service, "/training/jobs", {"model": "test"})
    assert (status, job["status"]) == (202, "queued")
    assert wait(lambda: get(session, service, f"/training/jobs/{job['id']}")[1]["status"] == "finished")


def test_a_prediction_is_answered_and_kept(session: Session) -> None:
    body = {"features": [1, 2, 3, 4]}
    status, made = post(session, "ai-services/inference-service:8000", "/inference/predict", body)
    assert status == 200
    assert float(sql(session, f"SELECT score FROM predictions WHERE id = {made['id']}")) == made["score"]
    assert (
        post(session, "ai-services/inference-service:8000", "/inference/predict", {"features": [1]})[0] == 400
    )


def test_synthetic_rows_of_one_seed_are_the_same_rows(session: Session) -> None:
    seed = uuid.uuid4().int % 10**9
    for _ in range(2):
        body = {"rows": 3, "seed": seed}
        assert post(session, "ai-services/synthetic-data-service:8000", "/synthetic/generate", body)[0] == 201
    counted = f"SELECT count(*), count(DISTINCT (age, income, city)) FROM synthetic_rows WHERE seed = {seed}"
    assert sql(session, counted) == "6|3"


def test_a_record_is_checked_against_its_schema(session: Session) -> None:
    service, name = "data-services/schema-service:8000", f"test-{uuid.uuid4().hex[:12]}"
    _, made = post(session, service, "/schema/schemas", {"name": name, "fields": {"n": "integer"}})
    assert made["version"] == 1
    path = f"/schema/schemas/{made['id']}/check"
    assert post(session, service, path, {"n": 1})[1]["valid"] is True
    assert post(session, service, path, {"m": "x"})[1]["faults"] == ["n is missing", "m is unknown"]


def test_marker_rows_keep_coming(session: Session) -> None:
    newest = int(sql(session, "SELECT max(id) FROM backup_markers"))
    assert wait(lambda: int(sql(session, "SELECT max(id) FROM backup_markers")) > newest)


def wait(holds: Callable[[], bool]) -> bool:
    from datetime import timedelta

    return bool(until(holds, timedelta(seconds=30)))
