"""Services stay honest when something they need is away, in a namespace of the tests' own."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from workbench import namespace, opened

from rundrill.session import Session
from rundrill.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.apart]

SPACE = "rundrill-test-platform"
NOWHERE = "198.18.255.254"


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with opened(disruptive=False) as session, namespace(session, SPACE):
        yield session


def start(session: Session, role: str, **environment: str) -> str:
    """A pod of the service's own image with another environment, once it is ready."""
    running = session.kube.one("apps/v1/Deployment", "microservices", "auth-service")
    image = running["spec"]["template"]["spec"]["containers"][0]["image"]
    env = {"ROLE": role, "DATABASE_HOST": NOWHERE, "REDIS_HOST": NOWHERE, "JWT_SECRET": "x"} | environment
    container = {
        "name": "service",
        "image": image,
        "env": [{"name": name, "value": value} for name, value in env.items()],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8000}, "periodSeconds": 1},
    }
    pod = {
        "containers": [container],
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
    }
    session.kube.create("v1/Pod", SPACE, {"metadata": {"name": role}, "spec": pod})
    assert until(lambda: ready(session, role), timedelta(seconds=60))
    return role


def ready(session: Session, pod: str) -> bool:
    statuses = session.kube.one("v1/Pod", SPACE, pod)["status"].get("containerStatuses", [])
    return bool(statuses) and all(status["ready"] for status in statuses)


def get(session: Session, pod: str, path: str) -> tuple[int, Any]:
    status, body = session.kube.pod_get(SPACE, pod, 8000, path, timeout=15)
    return status, json.loads(body)


def test_without_its_databases_auth_lives_on_and_says_degraded(session: Session) -> None:
    pod = start(session, "auth-service")
    assert get(session, pod, "/health")[0] == 200
    status, body = get(session, pod, "/auth/status")
    assert (status, body["status"]) == (200, "degraded")
    assert body["dependencies"] == {"postgresql": "down", "redis": "down"}


def test_without_a_database_connection_a_request_is_answered_503(session: Session) -> None:
    pod = start(session, "catalog-service")
    assert get(session, pod, "/catalog/datasets")[0] == 503
    assert get(session, pod, "/status")[1]["status"] == "degraded"


def test_a_killed_worker_is_replaced_without_a_restart_of_the_container(session: Session) -> None:
    name = session.kube.items("v1/Pod", "microservices", "app=auth-service")[0]["metadata"]["name"]
    before = workers(session, name)
    assert len(before) == 4
    restarted = restarts(session, name)
    shell(session, name, f"kill -9 {max(before)}")
    assert until(
        lambda: len(workers(session, name)) == 4 and max(before) not in workers(session, name),
        timedelta(seconds=20),
    )
    assert restarts(session, name) == restarted


def restarts(session: Session, pod: str) -> int:
    status = session.kube.one("v1/Pod", "microservices", pod)["status"]["containerStatuses"][0]
    return int(status["restartCount"])


def workers(session: Session, pod: str) -> set[int]:
    """The children of the process that catatonit started."""
    return {int(pid) for pid in shell(session, pod, 'pgrep -P "$(pgrep -P 1)" || true').split()}


def shell(session: Session, pod: str, script: str) -> str:
    done = session.kube.exec("microservices", pod, "auth-service", ["bash", "-c", script])
    assert done.code == 0, done.stderr
    return done.stdout.decode()
