"""Break platform aiaas in many places at once, and see exactly the promises fail that should, each for its cause."""

import contextlib
import copy
import re
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from breaking import not_met, paused, settled
from workbench import opened

from rundrill.gateway.kubernetes import NotFound
from rundrill.session import Session
from rundrill.verdict import Outcome, Verdict
from rundrill.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.on("aiaas")]

type Json = dict[str, Any]

SPACE = "aiaas"
SOON = timedelta(seconds=45)
RECOVERS = timedelta(seconds=60)

# What is broken, by the promises that must tell of it, and what each must say.
WRONG_SETTINGS = {
    "aiaas.health.feature-flags": r"strict-validation is false",
    "aiaas.health.validate-endpoint": r"status is 200, expected 422",
    "aiaas.config.ws-max-connections": r"reply is many",
    "aiaas.config.fallback-mode-off": r"fallback is true",
    "aiaas.security.secrets-listed": r"name is api-keys-new",
    "aiaas.security.api-keys": r"bits is .*placeholder is true",
    "aiaas.incident.validation-schema-failures": r"status is 401, expected 409",
    "aiaas.security.rbac": r"wildcard is true.*default_account is true|default_account is true",
    "aiaas.security.service-accounts": r"allowed is true",
    "aiaas.security.network-policies": r"policy_allows is true",
    "aiaas.deploy.pre-checklist": r"rollback",
    "aiaas.backup.configmaps": r"equal is false",
    "aiaas.incident.checklist": r"incomplete is 1",
    "aiaas.database.replication-lag": r"paused is true",
}
WITHOUT_THE_EXTERNAL_API = {
    "aiaas.health.external-api": r"external_api is down",
    "aiaas.health.external-service": r"status is 50\d|reached is false",
    "aiaas.health.pods": r"external-service: replicas is 0",
    "aiaas.health.service-endpoints": r"external-service-\S+: (endpoints is 0|ready is )",
}
TOO_WIDE: Json = {
    "metadata": {"name": "too-wide"},
    "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}],
}
FOR_THE_DEFAULT_ACCOUNT: Json = {
    "metadata": {"name": "too-wide"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "too-wide"},
    "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": SPACE}],
}
OPEN_DATABASE: Json = {
    "metadata": {"name": "open-database"},
    "spec": {
        "podSelector": {"matchLabels": {"app": "postgres"}},
        "policyTypes": ["Ingress"],
        "ingress": [{}],
    },
}


class Platform:
    """What is changed of it is undone when `undoing` ends."""

    def __init__(self, session: Session, undoing: contextlib.ExitStack) -> None:
        self.session = session
        self.undoing = undoing

    def change(self, api: str, name: str, body: Json) -> None:
        """An object changed."""
        before = self.session.kube.one(api, SPACE, name)
        self.undoing.callback(self.session.kube.patch, api, SPACE, name, _as_before(before, body))
        self.session.kube.patch(api, SPACE, name, body)

    def make(self, api: str, body: Json) -> None:
        """An object more."""
        name = body["metadata"]["name"]
        with contextlib.suppress(NotFound):
            self.session.kube.delete(api, SPACE, name)
        self.undoing.callback(self.session.kube.delete, api, SPACE, name)
        self.session.kube.create(api, SPACE, body)


def _as_before(before: Json, body: Json) -> Json:
    # A list is put back whole; a key that was not there is taken out.
    return {
        key: _as_before(before.get(key) or {}, value) if isinstance(value, dict) else before.get(key)
        for key, value in body.items()
    }


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with (
        tempfile.TemporaryDirectory() as directory,
        opened(Path(directory), disruptive=False) as session,
        # An export would be one of a broken platform.
        paused(session, SPACE, "resource-export"),
    ):
        yield session


@pytest.fixture(scope="module")
def healthy(session: Session) -> dict[str, Verdict]:
    return settled(session, SPACE, {})


@pytest.fixture(scope="module")
def wrong(session: Session, healthy: dict[str, Verdict]) -> dict[str, Verdict]:
    with contextlib.ExitStack() as undoing:
        platform = Platform(session, undoing)
        set_wrong(platform)
        return settled(session, SPACE, WRONG_SETTINGS)


@pytest.fixture(scope="module")
def without_external(session: Session, wrong: dict[str, Verdict]) -> tuple[dict[str, Verdict], bool]:
    """The verdicts, and whether every pod saw the breaker open."""
    with contextlib.ExitStack() as undoing:
        platform = Platform(session, undoing)
        platform.change("apps/v1/Deployment", "external-service", {"spec": {"replicas": 0}})
        seen = settled(session, SPACE, WITHOUT_THE_EXTERNAL_API)
        # Half-open for a moment at each of its own tries.
        return seen, bool(until(lambda: breaker(session) == {2.0}, SOON))


def set_wrong(platform: Platform) -> None:
    """Every wrong setting; none hides another."""
    platform.change("v1/ConfigMap", "release", {"data": {"rollback-plan": ""}})
    platform.make("v1/Secret", {"metadata": {"name": "api-keys-new"}, "stringData": {"key": "value"}})
    platform.make("rbac.authorization.k8s.io/v1/Role", TOO_WIDE)
    platform.make("rbac.authorization.k8s.io/v1/RoleBinding", FOR_THE_DEFAULT_ACCOUNT)
    platform.make("networking.k8s.io/v1/NetworkPolicy", OPEN_DATABASE)
    platform.change("v1/Secret", "api-keys", {"data": {"key": b64encode(b"value").decode()}})
    fall_back(platform)
    lose_an_entry(platform)
    pause_replay(platform)
    limit_by_a_word(platform)
    switch_flag(platform, False)
    platform.undoing.callback(switch_flag, platform, True)


def fall_back(platform: Platform) -> None:
    """Fallback mode in the orchestrator's settings; paused, so that no pod is rolled for it."""
    spec = platform.session.kube.one("apps/v1/Deployment", SPACE, "orchestrator")["spec"]
    containers = copy.deepcopy(spec["template"]["spec"]["containers"])
    for one in containers[0]["env"]:
        if one["name"] == "FALLBACK_MODE":
            one["value"] = "true"
    body = {"spec": {"paused": True, "template": {"spec": {"containers": containers}}}}
    platform.change("apps/v1/Deployment", "orchestrator", body)


def lose_an_entry(platform: Platform) -> None:
    """The newest incident without its day of review."""
    change = "UPDATE incidents SET review_on = {} WHERE id = (SELECT max(id) FROM incidents)"
    inside(platform, "postgres", "psql", "-d", "aiaas", "-c", change.format("NULL"))
    back = change.format("date '2026-01-27'")
    platform.undoing.callback(inside, platform, "postgres", "psql", "-d", "aiaas", "-c", back)


def pause_replay(platform: Platform) -> None:
    """A replica that receives and does not replay."""
    inside(platform, "postgres-replica", "psql", "-c", "SELECT pg_wal_replay_pause()")
    again = ("psql", "-c", "SELECT pg_wal_replay_resume()")
    platform.undoing.callback(inside, platform, "postgres-replica", *again)


def limit_by_a_word(platform: Platform) -> None:
    """A connection limit that is no number."""
    before = inside(platform, "redis", "redis-cli", "get", "ws:max_connections").strip()
    platform.undoing.callback(inside, platform, "redis", "redis-cli", "set", "ws:max_connections", before)
    inside(platform, "redis", "redis-cli", "set", "ws:max_connections", "many")


def switch_flag(platform: Platform, enabled: bool) -> None:
    """Strict validation off for ten minutes at most, or on."""
    body = f'{{"enabled": {str(enabled).lower()}, "expires_in_seconds": 600}}'
    # The pod's own key, which stays what it was when the Secret is spoilt.
    headers = '-H "X-API-Key: $API_KEY" -H "Content-Type: application/json"'
    url = "http://localhost:8000/api/v1/flags/strict-validation"
    inside(platform, "feature-flags", "sh", "-c", f"curl -sf -X PUT {headers} -d '{body}' {url}")


def inside(platform: Platform, app: str, *command: str) -> str:
    """What a command prints in the pod of that app."""
    pod = platform.session.kube.items("v1/Pod", SPACE, selector=f"app={app}")[0]
    container = pod["spec"]["containers"][0]["name"]
    done = platform.session.kube.exec(SPACE, pod["metadata"]["name"], container, list(command))
    assert done.code == 0, done
    return done.text


def breaker(session: Session) -> set[float]:
    """What the pods of the tool service say of the breaker towards the external API: 0 closed, 2 open."""
    session.forget()
    body = session.prometheus("aiaas").api("query", query='circuit_breaker_state{breaker="external-api"}')
    return {float(series["value"][1]) for series in body["data"]["result"]}


def test_a_healthy_platform_keeps_every_promise(healthy: dict[str, Verdict]) -> None:
    assert not_met(healthy) == {}


@pytest.mark.parametrize("promise", WRONG_SETTINGS)
def test_a_wrong_setting_is_told_by_its_promise(wrong: dict[str, Verdict], promise: str) -> None:
    assert wrong[promise].outcome is Outcome.MISSED, wrong[promise].reason
    assert re.search(WRONG_SETTINGS[promise], wrong[promise].reason), wrong[promise].reason


def test_no_other_promise_suffers_from_the_settings(wrong: dict[str, Verdict]) -> None:
    others = {name: reason for name, reason in not_met(wrong).items() if name not in WRONG_SETTINGS}
    assert others == {}


def test_the_external_api_away_is_told_and_nothing_else(
    without_external: tuple[dict[str, Verdict], bool],
) -> None:
    reasons = not_met(without_external[0])
    assert reasons.keys() == WITHOUT_THE_EXTERNAL_API.keys(), reasons
    for promise, said in WITHOUT_THE_EXTERNAL_API.items():
        assert re.search(said, reasons[promise]), reasons[promise]


def test_every_pod_of_the_tools_sees_the_breaker_open(
    without_external: tuple[dict[str, Verdict], bool],
) -> None:
    assert without_external[1]


def test_everything_is_kept_again_and_the_breaker_closes_by_itself(
    session: Session, without_external: tuple[dict[str, Verdict], bool]
) -> None:
    assert not_met(settled(session, SPACE, {})) == {}
    assert until(lambda: breaker(session) == {0.0}, SOON), breaker(session)
