"""Break platform aia in many places at once, and see exactly the promises fail that should, each for its cause."""

import contextlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from aia_ground import SPACE, break_all, change
from breaking import not_met, paused, settled
from workbench import opened

from rundrill.session import Session
from rundrill.verdict import Outcome, Verdict

pytestmark = [pytest.mark.cluster, pytest.mark.on("aia")]

SLUG = "aia"

# What is broken, by the promises that must tell of it, and what each must say.
BROKEN = {
    "aia.config.log-level": r"level is DEBUG",
    "aia.security.rbac": r"allowed is true",
    "aia.security.secrets-listed": r"allowed is true",
    "aia.backup.rbac": r"missing_kinds is Role\b",
    "aia.capacity.resources": r"most is 7, expected 5",
    "aia.capacity.resource-quota": r"limits\.memory.* is -\d",
    "aia.database.dns": r"mas-system-postgres in aia-api-blue-.* is not there",
    "aia.database.select-one": r"exit_status is 2",
    "aia.backup.namespace-config": r"missing_kinds is .*NetworkPolicy, PersistentVolumeClaim",
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
        # An export would be one of a broken platform.
        paused(session, SPACE, "config-export"),
    ):
        yield session


@pytest.fixture(scope="module")
def healthy(session: Session) -> dict[str, Verdict]:
    return settled(session, SLUG, {})


@pytest.fixture(scope="module")
def broken(session: Session, healthy: dict[str, Verdict]) -> dict[str, Verdict]:
    with contextlib.ExitStack() as undoing:
        break_all(session, undoing)
        return settled(session, SLUG, BROKEN)


@pytest.fixture(scope="module")
def in_maintenance(session: Session, broken: dict[str, Verdict]) -> dict[str, Verdict]:
    with contextlib.ExitStack() as undoing:
        # The kubelet refreshes a pod's volumes when the pod changes, or else about once a minute.
        undoing.callback(hurry, session, "false")
        change(session, undoing, "v1/ConfigMap", "aia-config", {"data": {"MAINTENANCE_MODE": "true"}})
        hurry(session, "true")
        return settled(session, SLUG, IN_MAINTENANCE)


def hurry(session: Session, mode: str) -> None:
    for pod in session.kube.items("v1/Pod", SPACE, selector="app=aia-api"):
        body = {"metadata": {"annotations": {"rundrill.dev/mode": mode}}}
        session.kube.patch("v1/Pod", SPACE, pod["metadata"]["name"], body)


def test_a_healthy_platform_keeps_every_promise(healthy: dict[str, Verdict]) -> None:
    assert not_met(healthy) == {}


@pytest.mark.parametrize("promise", BROKEN)
def test_a_breakage_is_told_by_its_promise(broken: dict[str, Verdict], promise: str) -> None:
    assert broken[promise].outcome is Outcome.MISSED, broken[promise].reason
    assert re.search(BROKEN[promise], broken[promise].reason), broken[promise].reason


def test_no_other_promise_suffers_from_the_breakages(broken: dict[str, Verdict]) -> None:
    others = {name: reason for name, reason in not_met(broken).items() if name not in BROKEN}
    assert others == {}


def test_maintenance_left_on_is_told_and_nothing_else(in_maintenance: dict[str, Verdict]) -> None:
    reasons = not_met(in_maintenance)
    assert reasons.keys() == IN_MAINTENANCE.keys(), reasons
    for promise, said in IN_MAINTENANCE.items():
        assert re.search(said, reasons[promise]), reasons[promise]


def test_everything_is_kept_again_afterwards(session: Session, in_maintenance: dict[str, Verdict]) -> None:
    assert not_met(settled(session, SLUG, {})) == {}
