"""The platform's manifests, credentials, certificate and backup schedule, without a cluster."""

import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rundrill.platform import platforms
from rundrill.platform.certificates import DOMAIN, HOSTS, VALID, make_certificate, needs_renewal
from rundrill.platform.credentials import missing_credentials
from rundrill.platform.manifests import (
    BASE_PLACEHOLDER,
    CONFIG_ANNOTATION,
    DATABASE_PLACEHOLDER,
    PLACEHOLDER,
    digest_of,
    key,
    pod_templates,
    read_manifests,
)
from rundrill.platform.schedule import cron_of

IMAGES = {
    PLACEHOLDER: "rundrill.dev/platform:test",
    DATABASE_PLACEHOLDER: "rundrill.dev/database:test",
    BASE_PLACEHOLDER: "rundrill.dev/base:test",
}
NOON = datetime(2026, 1, 1, 12, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def manifests() -> list[Any]:
    return read_manifests("aic-aipaas", IMAGES)


def templates(manifests: list[Any]) -> dict[str, Any]:
    return {key(m)[2]: t for m in manifests for t in pod_templates(m)}


def containers(manifests: list[Any]) -> list[Any]:
    return [c for t in templates(manifests).values() for c in t["spec"]["containers"]]


def test_the_platform_is_known_by_its_folder() -> None:
    assert "aic-aipaas" in platforms()


def test_every_object_has_a_name_of_its_own(manifests: list[Any]) -> None:
    names = [key(m) for m in manifests]
    assert len(names) == len(set(names))


def test_the_image_stands_wherever_the_placeholder_stood(manifests: list[Any]) -> None:
    assert {c["image"] for c in containers(manifests)} == set(IMAGES.values())
    assert ":placeholder" not in repr(manifests)


def test_a_change_of_our_code_restarts_no_server_that_is_not_ours(manifests: list[Any]) -> None:
    ours = {c["name"] for c in containers(manifests) if c["image"] == IMAGES[PLACEHOLDER]}
    assert not ours & {
        "postgresql",
        "redis",
        "exporter",
        "nginx",
        "prometheus",
        "alertmanager",
        "node-exporter",
    }


def test_every_container_has_requests_and_a_memory_limit(manifests: list[Any]) -> None:
    for container in containers(manifests):
        assert {"cpu", "memory"} <= set(container["resources"]["requests"]), container["name"]
        assert "memory" in container["resources"]["limits"], container["name"]


def test_drills_are_allowed_in_the_services_namespaces_only(manifests: list[Any]) -> None:
    allowed = {
        key(m)[2]
        for m in manifests
        if m["kind"] == "Namespace" and m["metadata"]["labels"].get("rundrill.dev/drills") == "allowed"
    }
    assert allowed == {"microservices", "ai-services"}


def test_no_password_stands_in_a_manifest(manifests: list[Any]) -> None:
    assert not [m for m in manifests if m["kind"] == "Secret"]
    assert not re.search(r"postgresql://[^:]+:[^$@]", repr(manifests))


def test_a_changed_config_map_rolls_the_pods_that_use_it_and_no_others(manifests: list[Any]) -> None:
    from rundrill.platform import manifests as module

    before = {
        n: t["metadata"].get("annotations", {}).get(CONFIG_ANNOTATION)
        for n, t in templates(manifests).items()
    }
    again: list[Any] = read_manifests("aic-aipaas", IMAGES)
    next(m for m in again if key(m)[2] == "redis-config")["data"]["redis.conf"] += "\n"
    module._mark_configuration(again)
    after = {
        n: t["metadata"].get("annotations", {}).get(CONFIG_ANNOTATION) for n, t in templates(again).items()
    }
    assert {name for name in after if after[name] != before[name]} == {"redis"}


def test_what_prometheus_reloads_by_itself_does_not_roll_it(manifests: list[Any]) -> None:
    assert CONFIG_ANNOTATION not in templates(manifests)["prometheus"]["metadata"]["annotations"]


def test_the_digest_sees_every_change(manifests: list[Any]) -> None:
    assert digest_of(manifests) != digest_of(read_manifests("aic-aipaas", IMAGES | {PLACEHOLDER: "other"}))


def test_credentials_are_made_once_and_shared_where_two_must_agree() -> None:
    made = {(s["metadata"]["namespace"], s["metadata"]["name"]): s["stringData"] for s in _secrets({})}
    assert (
        made["data-services", "postgresql-roles"]["app-password"]
        == made["microservices", "app-secrets"]["database-password"]
    )
    assert (
        made["data-services", "rundrill-access"]["redis-password"]
        == made["microservices", "app-secrets"]["redis-password"]
    )
    assert _secrets(made) == []


def test_a_secret_that_was_lost_gets_the_passwords_that_the_others_still_use() -> None:
    made = {(s["metadata"]["namespace"], s["metadata"]["name"]): s["stringData"] for s in _secrets({})}
    lost = made.pop(("ai-services", "app-secrets"))
    [again] = _secrets(made)
    assert again["stringData"] == lost


def _secrets(existing: Any) -> list[Any]:
    return list(missing_credentials(existing))


def test_the_certificate_is_for_the_hosts_and_verifies_against_its_authority(tmp_path: Path) -> None:
    made = make_certificate()
    (tmp_path / "ca").write_text(made.authority)
    (tmp_path / "leaf").write_text(made.leaf)
    for host in HOSTS:
        command = ["openssl", "verify", "-CAfile", "ca", "-verify_hostname", f"{host}.{DOMAIN}", "leaf"]
        assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    command = ["openssl", "verify", "-CAfile", "ca", "-verify_hostname", "other.example", "leaf"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize(
    ("left", "renew"),
    [
        pytest.param(VALID - timedelta(hours=1), False, id="new"),
        pytest.param(timedelta(days=31), False, id="31 days left"),
        pytest.param(timedelta(days=29), True, id="29 days left"),
    ],
)
def test_a_certificate_is_renewed_when_less_than_thirty_days_are_left(left: timedelta, renew: bool) -> None:
    assert needs_renewal(make_certificate().leaf, datetime.now(UTC) + VALID - left) is renew


def test_what_is_no_certificate_needs_renewal() -> None:
    assert needs_renewal("", NOON)


@pytest.mark.parametrize(
    ("minutes", "live", "cron"),
    [
        pytest.param(6, None, "5-59/6 * * * *", id="starts in the next minute"),
        pytest.param(6, "2-59/6 * * * *", "2-59/6 * * * *", id="the same period keeps its minutes"),
        pytest.param(6, "2-59/10 * * * *", "5-59/6 * * * *", id="another period does not"),
        pytest.param(0.5, None, "0-59/1 * * * *", id="never more often than each minute"),
        pytest.param(60, None, "5 * * * *", id="hourly"),
        pytest.param(60, "17 * * * *", "17 * * * *", id="hourly keeps its minute"),
        pytest.param(60, "2-59/6 * * * *", "5 * * * *", id="from accelerated to real time"),
        pytest.param(24 * 60, None, "5 12-23/24 * * *", id="daily"),
    ],
)
def test_the_backup_runs_as_often_as_the_policy_says(minutes: float, live: str | None, cron: str) -> None:
    assert cron_of(timedelta(minutes=minutes), NOON, live) == cron
