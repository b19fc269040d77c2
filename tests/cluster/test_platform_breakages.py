"""Break aic-aipaas in many places at once, and see exactly the promises fail that should, each for its cause."""

import contextlib
import re
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from breaking import not_met, paused, settled, verdicts
from workbench import opened

from rundrill.gateway.kubernetes import NotFound
from rundrill.promise import Promise
from rundrill.session import Session
from rundrill.verdict import Outcome, Verdict
from rundrill.waiting import until

pytestmark = pytest.mark.cluster

SLUG = "aic-aipaas"
SOON = timedelta(seconds=30)
SERVICES, MODELS, DATA, DOOR = "microservices", "ai-services", "data-services", "istio-system"

type Json = dict[str, Any]

# The promises that must tell of what is broken, and what each must say.
BROKEN = {
    "config.app-config": r"keys is .*DB_PASSWORD",
    "backup.microservices-config": r"equal is false",
    "backup.cronjob": r"postgresql-backup: suspended is true",
    "health.services-listed": r"synthetic-data-service is not there",
    "health.service-dns": r"synthetic-data-service",
    "health.service-endpoints": r"schema-service.*ready is",
    "capacity.resource-quotas": r"used is",
    "security.network-policies": r"default-deny is not there",
    "security.app-secrets-present": r"allowed is true",
    "health.ingress-resources": r"hosts is elsewhere\.aic-aipaas\.local",
    "config.pg-random-page-cost": r"is 4, expected 1\.1",
    "config.pg-shared-buffers": r"pending_restart is true",
    "config.pg-reload": r"waiting is 1, expected 0",
    "cache.maxmemory-policy": r"maxmemory-policy is noeviction.*maxmemory is 0",
    "cache.memory": r"inf",
    "config.pg-effective-cache-size": r"is 512MB, expected 1GB",
    "health.persistent-volumes": r"phase is Pending, expected Bound",
    "incident.sev1-resolution": r"severity 1: longest is",
    "incident.sev2-response": r"severity 2: longest is",
    "incident.sev2-resolution": r"severity 2: longest is",
    "incident.sev3-response": r"severity 3: longest is",
    "incident.sev3-resolution": r"severity 3: longest is",
    "incident.sev3-escalation": r"severity 3: longest is",
    "incident.sev4-response": r"severity 4: longest is",
    "incident.sev4-resolution": r"without_release is 1",
    "incident.sev4-escalation": r"severity 4: longest is",
    "incident.process-stages": r"incomplete is 1",
    "maintenance.window": r"outside is 1",
    "maintenance.window-duration": r"longest is .*late is 1",
    "maintenance.window-notice": r"shortest is",
    "maintenance.daily-logs-alerts": r"age is",
    "maintenance.daily-resources": r"age is",
    "maintenance.weekly-performance": r"age is",
    "maintenance.monthly-capacity": r"age is",
    "security.suspicious-events": r"unexplained is 1",
}
EXPIRED = {
    "security.tls-handshake": r"valid_for is -",
    "health.ingress-auth": r"certificate|CERTIFICATE",
}
ITS_LABELS = {"app": "another-door"}
ADDED = """
INSERT INTO incidents (severity, title, release, detected_at) VALUES
    (1, 'of a test', NULL, now() - interval '5 hours'),
    (2, 'of a test', NULL, now() - interval '30 hours'),
    (3, 'of a test', NULL, now() - interval '80 hours'),
    (4, 'of a test', NULL, now() - interval '8 days');
INSERT INTO incidents (severity, title, release, detected_at, assessed_at, responded_at, investigated_at, resolved_at,
                       communicated_at, closed_at)
SELECT 4, 'of a test', '2026.3', now(), now(), now(), now(), now(), now(), now();
INSERT INTO maintenance_windows (announced_at, starts_at, ends_at, steps)
VALUES ('2026-02-07 20:00Z', '2026-02-08 02:00Z', '2026-02-08 05:00Z', '["of a test"]');
INSERT INTO changes (reference, what, hand, purpose, at)
VALUES ('of a test', 'roll-out', 'somebody', 'maintenance', '2026-02-03 14:00Z');
INSERT INTO cluster_events VALUES ('of a test', 'x', 'x', 'Warning', 'Forbidden', 'User "x" is forbidden', 1, now());
UPDATE reports SET made_at = made_at - interval '40 days';
"""
REMOVED = """
DELETE FROM incidents WHERE title = 'of a test';
DELETE FROM maintenance_windows WHERE steps = '["of a test"]';
DELETE FROM changes WHERE reference = 'of a test';
DELETE FROM cluster_events WHERE uid = 'of a test';
UPDATE reports SET made_at = made_at + interval '40 days' WHERE made_at < now() - interval '39 days';
"""


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with (
        tempfile.TemporaryDirectory() as directory,
        opened(Path(directory), disruptive=False) as session,
        # No export and no report of a broken platform.
        paused(session, DATA, "configuration-export", "operations-book"),
    ):
        yield session


@pytest.fixture(scope="module")
def healthy(session: Session) -> dict[str, Verdict]:
    return named(settled(session, SLUG, {}))


@pytest.fixture(scope="module")
def broken(session: Session, healthy: dict[str, Verdict]) -> Iterator[dict[str, Verdict]]:
    with contextlib.ExitStack() as undoing:
        break_all(session, undoing)
        yield named(settled(session, SLUG, {f"{SLUG}.{name}": "" for name in BROKEN}))


def named(seen: dict[str, Verdict]) -> dict[str, Verdict]:
    """By the promise's id without its runbook."""
    return {name.removeprefix(f"{SLUG}."): one for name, one in seen.items()}


def change(
    session: Session, undoing: contextlib.ExitStack, api: str, space: str, name: str, body: Json
) -> None:
    """The object changed, and as it was when the context ends."""
    before = session.kube.one(api, space, name)
    undoing.callback(session.kube.patch, api, space, name, as_before(before, body))
    session.kube.patch(api, space, name, body)


def as_before(before: Json, body: Json) -> Json:
    """What undoes that merge patch."""
    return {
        key: as_before(before.get(key) or {}, value) if isinstance(value, dict) else before.get(key)
        for key, value in body.items()
    }


def made(session: Session, undoing: contextlib.ExitStack, api: str, space: str, body: Json) -> None:
    """A new object, gone when the context ends."""
    name = body["metadata"]["name"]
    with contextlib.suppress(NotFound):
        session.kube.delete(api, space, name)
    undoing.callback(session.kube.delete, api, space, name)
    session.kube.create(api, space, body)


def taken(session: Session, undoing: contextlib.ExitStack, api: str, space: str, name: str) -> None:
    """The object gone, and there again when the context ends; a Service keeps its address."""
    there = session.kube.one(api, space, name)
    metadata = {key: there["metadata"][key] for key in ("name", "labels") if key in there["metadata"]}
    session.kube.delete(api, space, name)
    undoing.callback(session.kube.create, api, space, {"metadata": metadata, "spec": there["spec"]})


def superuser(session: Session, *statements: str) -> None:
    words = [word for statement in statements for word in ("-c", statement)]
    argv = ["psql", "-U", "postgres", "-d", "aic_aipaas", "-v", "ON_ERROR_STOP=1", *words]
    done = session.kube.exec(DATA, "postgresql-0", "postgresql", argv)
    assert done.code == 0, done.stderr


def redis(session: Session, *words: str) -> None:
    assert session.kube.exec(DATA, "redis-0", "redis", ["redis-cli", *words]).code == 0


def break_all(session: Session, undoing: contextlib.ExitStack) -> None:
    """Every breakage; none hides another."""
    alter, make, take = (partial(how, session, undoing) for how in (change, made, taken))
    alter("v1/ConfigMap", SERVICES, "app-config", {"data": {"DB_PASSWORD": "hunter2"}})
    alter("v1/ResourceQuota", SERVICES, "quota", {"spec": {"hard": {"pods": "5"}}})
    alter("batch/v1/CronJob", DATA, "postgresql-backup", {"spec": {"suspend": True}})
    alter("v1/Service", DATA, "schema-service", {"spec": {"selector": {"app": "nobody"}}})
    make("rbac.authorization.k8s.io/v1/Role", SERVICES, TOO_WIDE)
    make("rbac.authorization.k8s.io/v1/RoleBinding", SERVICES, TOO_WIDE_BINDING)
    make("v1/PersistentVolumeClaim", DATA, UNUSED)
    take("networking.k8s.io/v1/NetworkPolicy", DATA, "default-deny")
    take("v1/Service", MODELS, "synthetic-data-service")
    route = session.kube.one("networking.k8s.io/v1/Ingress", SERVICES, "auth")["spec"]["rules"]
    moved = [rule | {"host": "elsewhere.aic-aipaas.local"} for rule in route]
    alter("networking.k8s.io/v1/Ingress", SERVICES, "auth", {"spec": {"rules": moved}})
    undoing.callback(
        superuser,
        session,
        "ALTER SYSTEM RESET random_page_cost",
        "ALTER SYSTEM RESET shared_buffers",
        "ALTER SYSTEM RESET effective_cache_size",
        "SELECT pg_reload_conf()",
    )
    superuser(
        session,
        "ALTER SYSTEM SET random_page_cost = 4",
        "ALTER SYSTEM SET shared_buffers = '128MB'",
        "ALTER SYSTEM SET effective_cache_size = '512MB'",
        "SELECT pg_reload_conf()",
    )
    undoing.callback(redis, session, "config", "set", "maxmemory", "256mb", "maxmemory-policy", "allkeys-lru")
    redis(session, "config", "set", "maxmemory", "0", "maxmemory-policy", "noeviction")
    superuser(session, REMOVED)
    undoing.callback(superuser, session, REMOVED)
    superuser(session, ADDED)


UNUSED: Json = {
    "metadata": {"name": "unused"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
}
TOO_WIDE: Json = {
    "metadata": {"name": "too-wide"},
    "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}],
}
TOO_WIDE_BINDING: Json = {
    "metadata": {"name": "too-wide"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "too-wide"},
    "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": SERVICES}],
}


def test_a_healthy_platform_keeps_every_promise(healthy: dict[str, Verdict]) -> None:
    assert not_met(healthy) == {}


@pytest.mark.parametrize("promise", BROKEN)
def test_a_breakage_is_told_by_its_promise(broken: dict[str, Verdict], promise: str) -> None:
    assert broken[promise].outcome is Outcome.MISSED, broken[promise].reason
    assert re.search(BROKEN[promise], broken[promise].reason), broken[promise].reason


def test_no_other_promise_suffers_from_the_breakages(broken: dict[str, Verdict]) -> None:
    assert {name: why for name, why in not_met(broken).items() if name not in BROKEN} == {}


def test_a_table_that_is_missing_is_named_and_proves_nothing(
    session: Session, broken: dict[str, Verdict]
) -> None:
    promise = session.policy.promise(f"{SLUG}.incident.sev4-resolution")
    superuser(session, "ALTER TABLE releases RENAME TO gone")
    try:
        seen = one(session, promise)
    finally:
        superuser(session, "ALTER TABLE gone RENAME TO releases")
    assert seen.outcome is Outcome.UNKNOWN
    assert 'relation "releases" does not exist' in seen.reason


def test_a_certificate_that_is_over_is_found_at_the_front_door(
    session: Session, broken: dict[str, Verdict]
) -> None:
    promises = [session.policy.promise(f"{SLUG}.{name}") for name in EXPIRED]
    with contextlib.ExitStack() as undoing:
        image = session.kube.items("v1/Pod", DOOR, "app=istio-ingressgateway")[0]["spec"]["containers"][0]
        made(session, undoing, "v1/Pod", DOOR, another_door(image["image"]))
        assert until(lambda: ready(session, DOOR, "another-door"), SOON)
        change(
            session, undoing, "v1/Service", DOOR, "istio-ingressgateway", {"spec": {"selector": ITS_LABELS}}
        )
        seen: dict[str, Verdict] = {}

        def told() -> bool:
            seen.update(named(verdicts(session, promises)))
            return all(re.search(said, seen[name].reason) for name, said in EXPIRED.items())

        assert until(told, SOON), seen


def another_door(image: str) -> Json:
    """A server behind the front door's name whose certificate ended yesterday."""
    names = "subjectAltName=DNS:auth.aic-aipaas.local"
    key = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /tmp/key -out /tmp/leaf"
    times = "-not_before 20250101000000Z -not_after 20260101000000Z"
    script = f"{key} -subj /CN=over -addext {names} {times} && exec openssl s_server -accept 8443 -cert /tmp/leaf -key /tmp/key -www"
    container = {
        "name": "door",
        "image": image,
        "command": ["sh", "-c", script],
        "ports": [{"name": "https", "containerPort": 8443}, {"name": "http", "containerPort": 8080}],
        "readinessProbe": {"tcpSocket": {"port": 8443}, "periodSeconds": 1},
    }
    spec = {
        "containers": [container],
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
    }
    return {"metadata": {"name": "another-door", "labels": ITS_LABELS}, "spec": spec}


def ready(session: Session, space: str, pod: str) -> bool:
    statuses = session.kube.one("v1/Pod", space, pod)["status"].get("containerStatuses", [])
    return bool(statuses) and all(status["ready"] for status in statuses)


def one(session: Session, promise: Promise) -> Verdict:
    return verdicts(session, [promise])[promise.id]
