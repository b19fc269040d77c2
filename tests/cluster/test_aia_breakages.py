"""Break platform aia in many places at once, and see exactly the promises fail that should, each for its cause."""

import contextlib
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from workbench import opened

from rundrill.errors import RundrillError
from rundrill.gateway.kubernetes import NotFound
from rundrill.judge import judge
from rundrill.measure import measure
from rundrill.promise import Promise
from rundrill.session import Session
from rundrill.verdict import Outcome, Verdict
from rundrill.waiting import until

pytestmark = pytest.mark.cluster

SPACE = "aia-production"
SOON = timedelta(seconds=40)
AT_ONCE = 8

type Json = dict[str, Any]
type Undo = Callable[[], object]

# What is broken, by the promises that must tell of it, and what each must say.
BROKEN = {
    "aia.config.log-level": r"level is DEBUG",
    "aia.security.rbac": r"allowed is true",
    "aia.security.secrets-listed": r"allowed is true",
    "aia.backup.rbac": r"missing_kinds is Role,? ?",
    "aia.capacity.resources": r"most is 7, expected 5",
    "aia.capacity.resource-quota": r"limits\.memory.* is -\d",
    "aia.database.dns": r"mas-system-postgres in aia-api-blue-.* is not there",
    "aia.database.select-one": r"exit_status is 2",
    "aia.backup.namespace-config": r"missing_kinds is NetworkPolicy, PersistentVolumeClaim",
    "aia.backup.database-list": r"suspended is true",
    "aia.security.externalsecrets-synced": r"reason is SecretSyncedError",
    "aia.security.workload-identity": r"aia-backup.*identity",
    "aia.security.network-policies": r"policy_allows is true",
    "aia.incident.escalation-levels": r"levels is 3, expected 4",
    "aia.observability.metric-pod-readiness": r"without-probes: readiness is 0.*liveness is 0",
}
IN_MAINTENANCE = {
    "aia.config.maintenance-mode-off": r"maintenance is true",
    "aia.health.api-endpoint": r"status is 503, expected 401",
    # The export of the configuration is of before.
    "aia.backup.namespace-config": r"equal is false",
}


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with (
        tempfile.TemporaryDirectory() as directory,
        opened(Path(directory), disruptive=False) as session,
        exports_paused(session),
    ):
        yield session


@contextlib.contextmanager
def exports_paused(session: Session) -> Iterator[None]:
    """No export while the context lasts: it would be one of a broken platform."""
    patch = partial(session.kube.patch, "batch/v1/CronJob", SPACE, "config-export")
    patch({"spec": {"suspend": True}})
    try:
        yield
    finally:
        patch({"spec": {"suspend": False}})


def states(session: Session) -> list[Promise]:
    """Every state that this cluster can be asked."""
    return [p for p in session.policy.runbook("aia").promises if p.state and not p.needs]


def verdicts(session: Session, promises: list[Promise]) -> dict[str, Verdict]:
    """What each comes to now."""
    session.forget()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {v.promise: v for v in pool.map(partial(_verdict, session), promises)}


def _verdict(session: Session, promise: Promise) -> Verdict:
    now = datetime.now(UTC)
    try:
        return judge(promise, measure(promise, session), session.profile, now)
    except RundrillError as error:
        return Verdict(promise.id, Outcome.UNKNOWN, str(error))


def settled(session: Session, wanted: Mapping[str, str]) -> dict[str, Verdict]:
    """The verdicts once all of `wanted` are missed and all others met; those that are not when time is up."""
    seen = verdicts(session, states(session))

    def still_wrong() -> list[Promise]:
        return [
            p
            for p in states(session)
            if (seen[p.id].outcome, p.id in wanted) not in ((Outcome.MET, False), (Outcome.MISSED, True))
        ]

    def look() -> bool:
        seen.update(verdicts(session, still_wrong()))
        return not still_wrong()

    until(look, SOON)
    return seen


def missed(seen: Mapping[str, Verdict]) -> dict[str, str]:
    """The reasons of all that are not met."""
    return {name: verdict.reason for name, verdict in seen.items() if verdict.outcome is not Outcome.MET}


@pytest.fixture(scope="module")
def healthy(session: Session) -> dict[str, Verdict]:
    return settled(session, {})


@pytest.fixture(scope="module")
def broken(session: Session, healthy: dict[str, Verdict]) -> dict[str, Verdict]:
    with contextlib.ExitStack() as undoing:
        break_all(session, undoing)
        return settled(session, BROKEN)


@pytest.fixture(scope="module")
def in_maintenance(session: Session, broken: dict[str, Verdict]) -> dict[str, Verdict]:
    with contextlib.ExitStack() as undoing:
        change(session, undoing, "v1/ConfigMap", "aia-config", {"data": {"MAINTENANCE_MODE": "true"}})
        # The kubelet refreshes a pod's volumes when the pod changes, or else about once a minute.
        hurry(session, "true")
        undoing.callback(hurry, session, "false")
        return settled(session, IN_MAINTENANCE)


def hurry(session: Session, mode: str) -> None:
    for pod in session.kube.items("v1/Pod", SPACE, selector="app=aia-api"):
        body = {"metadata": {"annotations": {"rundrill.dev/mode": mode}}}
        session.kube.patch("v1/Pod", SPACE, pod["metadata"]["name"], body)


def change(
    session: Session, undoing: contextlib.ExitStack, api: str, name: str, body: Json, kind: str = "merge"
) -> None:
    """The object changed, and as it was when the context ends."""
    before = session.kube.one(api, SPACE, name)
    undoing.callback(session.kube.patch, api, SPACE, name, _as_before(before, body))
    session.kube.patch(api, SPACE, name, body, kind)


def _as_before(before: Json, body: Json) -> Json:
    # A list is put back whole; a key that was not there is taken out.
    return {
        key: _as_before(before.get(key) or {}, value) if isinstance(value, dict) else before.get(key)
        for key, value in body.items()
    }


def made(session: Session, undoing: contextlib.ExitStack, api: str, body: Json) -> None:
    """A new object, gone when the context ends."""
    name = body["metadata"]["name"]
    with contextlib.suppress(NotFound):
        session.kube.delete(api, SPACE, name)
    session.kube.create(api, SPACE, body)
    undoing.callback(session.kube.delete, api, SPACE, name)


def break_all(session: Session, undoing: contextlib.ExitStack) -> None:
    """Every breakage; none hides another."""
    alter, make = partial(change, session, undoing), partial(made, session, undoing)
    # Before the quota is too small for it.
    make("v1/Pod", poor_exporter(session))
    alter("v1/ConfigMap", "aia-config", {"data": {"LOG_LEVEL": "DEBUG"}})
    alter("v1/ConfigMap", "escalation-policy", {"data": {"policy.yaml": THREE_LEVELS}})
    alter("autoscaling/v2/HorizontalPodAutoscaler", "aia-api", {"spec": {"maxReplicas": 7}})
    alter("v1/ResourceQuota", "aia-quota", {"spec": {"hard": {"limits.memory": "1200Mi"}}})
    alter("batch/v1/CronJob", "postgresql-backup", {"spec": {"suspend": True}})
    alter("v1/ServiceAccount", "aia-backup", {"metadata": {"annotations": {IDENTITY: "aia-backup"}}})
    forbidden = [{"secretKey": "DATABASE_URL", "remoteRef": {"key": "aia-operator-notes"}}]
    body = {"metadata": {"annotations": {"force-sync": "now"}}, "spec": {"data": forbidden}}
    alter("external-secrets.io/v1/ExternalSecret", "aia-secrets", body)
    make("rbac.authorization.k8s.io/v1/Role", TOO_WIDE)
    make("rbac.authorization.k8s.io/v1/RoleBinding", TOO_WIDE_BINDING)
    make("networking.k8s.io/v1/NetworkPolicy", OPEN_REDIS)
    make("apps/v1/Deployment", WITHOUT_PROBES)
    name = session.kube.one("v1/Service", SPACE, "mas-system-postgres")
    session.kube.delete("v1/Service", SPACE, "mas-system-postgres")
    undoing.callback(session.kube.create, "v1/Service", SPACE, fresh(name))


def poor_exporter(session: Session) -> Json:
    """A pod that leaves exports without some kinds, newer than the platform's own, and takes them away when it ends."""
    keeper = session.kube.one("apps/v1/Deployment", SPACE, "aia-secret-manager")["spec"]["template"]["spec"]
    container = {
        "name": "exporter",
        "image": keeper["containers"][0]["image"],
        "command": ["bash", "-c", POOR_EXPORTS],
        "volumeMounts": [{"name": "exports", "mountPath": "/exports"}],
    }
    volume = {"name": "exports", "persistentVolumeClaim": {"claimName": "config-exports"}}
    spec = {key: keeper[key] for key in ("nodeSelector", "securityContext")}
    grace = {"terminationGracePeriodSeconds": 10, "automountServiceAccountToken": False}
    return {
        "metadata": {"name": "poor-exporter"},
        "spec": {**spec, **grace, "containers": [container], "volumes": [volume]},
    }


def fresh(there: Json) -> Json:
    metadata = {key: there["metadata"].get(key) for key in ("name", "labels")}
    spec = {key: there["spec"][key] for key in ("type", "externalName")}
    return {"metadata": metadata, "spec": spec}


POOR_EXPORTS = """
umask 077
trap 'rm -f /exports/backup-20000101.yaml /exports/rbac-backup-20000101.yaml; exit' TERM
leave_out() {
    python3 -c 'import sys, yaml
said = yaml.safe_load(open(sys.argv[1]))
said["items"] = [one for one in said["items"] if one["kind"] not in sys.argv[3:]]
yaml.safe_dump(said, open(sys.argv[2], "w"))' "$@"
}
leave_out "$(ls /exports/backup-2???????.yaml | tail -1)" /exports/backup-20000101.yaml NetworkPolicy PersistentVolumeClaim
leave_out "$(ls /exports/rbac-backup-2???????.yaml | tail -1)" /exports/rbac-backup-20000101.yaml Role
sleep 600 & wait
"""
IDENTITY = "iam.gke.io/gcp-service-account"
THREE_LEVELS = """
levels:
  - {level: 1, who: on call, after_minutes: 0}
  - {level: 2, who: DevOps, after_minutes: 15}
  - {level: 3, who: architect, after_minutes: 30}
"""
TOO_WIDE: Json = {
    "metadata": {"name": "too-wide"},
    "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}],
}
TOO_WIDE_BINDING: Json = {
    "metadata": {"name": "too-wide"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "too-wide"},
    "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": SPACE}],
}
OPEN_REDIS: Json = {
    "metadata": {"name": "open-redis"},
    "spec": {"podSelector": {"matchLabels": {"app": "redis"}}, "policyTypes": ["Ingress"], "ingress": [{}]},
}
WITHOUT_PROBES: Json = {
    "metadata": {"name": "without-probes"},
    "spec": {
        "replicas": 0,
        "selector": {"matchLabels": {"app": "without-probes"}},
        "template": {
            "metadata": {"labels": {"app": "without-probes"}},
            "spec": {"containers": [{"name": "it", "image": "none"}]},
        },
    },
}


def test_a_healthy_platform_keeps_every_promise(healthy: dict[str, Verdict]) -> None:
    assert missed(healthy) == {}


@pytest.mark.parametrize("promise", BROKEN)
def test_a_breakage_is_told_by_its_promise(broken: dict[str, Verdict], promise: str) -> None:
    assert broken[promise].outcome is Outcome.MISSED, broken[promise].reason
    assert re.search(BROKEN[promise], broken[promise].reason), broken[promise].reason


def test_no_other_promise_suffers_from_the_breakages(broken: dict[str, Verdict]) -> None:
    others = {name: reason for name, reason in missed(broken).items() if name not in BROKEN}
    assert others == {}


def test_maintenance_left_on_is_told_and_nothing_else(in_maintenance: dict[str, Verdict]) -> None:
    reasons = missed(in_maintenance)
    assert reasons.keys() == IN_MAINTENANCE.keys(), reasons
    for promise, said in IN_MAINTENANCE.items():
        assert re.search(said, reasons[promise]), reasons[promise]


def test_everything_is_kept_again_afterwards(session: Session, in_maintenance: dict[str, Verdict]) -> None:
    assert missed(settled(session, {})) == {}
