"""The platform's manifests, credentials, certificate and backup schedule, without a cluster."""

import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rundrill.errors import PolicyError
from rundrill.platform import platforms
from rundrill.platform.certificates import read_certificates
from rundrill.platform.credentials import Recipes, missing_credentials, read_recipes
from rundrill.platform.manifests import (
    BASE_PLACEHOLDER,
    CONFIG_ANNOTATION,
    DATABASE_PLACEHOLDER,
    PLACEHOLDER,
    PLATFORMS,
    digest_of,
    key,
    monitoring_of,
    namespaces_of,
    pod_templates,
    read_platform,
    read_shared,
)
from rundrill.platform.schedule import Schedules, cron_of

IMAGES = {
    PLACEHOLDER: "rundrill.dev/platform:test",
    DATABASE_PLACEHOLDER: "rundrill.dev/database:test",
    BASE_PLACEHOLDER: "rundrill.dev/base:test",
}
NOON = datetime(2026, 1, 1, 12, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def manifests() -> list[Any]:
    return read_platform("aic-aipaas", IMAGES)


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
    assert ":placeholder" not in repr(read_shared(IMAGES))
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
    assert allowed == {"microservices", "ai-services", "data-services"}


def test_no_password_stands_in_a_manifest(manifests: list[Any]) -> None:
    assert not [m for m in manifests if m["kind"] == "Secret"]
    assert not re.search(r"postgresql://[^:]+:[^$@]", repr(manifests))


def test_a_changed_config_map_rolls_the_pods_that_use_it_and_no_others(manifests: list[Any]) -> None:
    from rundrill.platform import manifests as module

    before = {
        n: t["metadata"].get("annotations", {}).get(CONFIG_ANNOTATION)
        for n, t in templates(manifests).items()
    }
    again: list[Any] = read_platform("aic-aipaas", IMAGES)
    next(m for m in again if key(m)[2] == "redis-config")["data"]["redis.conf"] += "\n"
    module._marked(again)
    after = {
        n: t["metadata"].get("annotations", {}).get(CONFIG_ANNOTATION) for n, t in templates(again).items()
    }
    assert {name for name in after if after[name] != before[name]} == {"redis"}


def test_what_prometheus_reloads_by_itself_does_not_roll_it(manifests: list[Any]) -> None:
    assert CONFIG_ANNOTATION not in templates(manifests)["prometheus"]["metadata"]["annotations"]


def test_the_digest_sees_every_change(manifests: list[Any]) -> None:
    assert digest_of(manifests) != digest_of(read_platform("aic-aipaas", IMAGES | {PLACEHOLDER: "other"}))


@pytest.mark.parametrize("slug", platforms())
def test_every_platform_has_its_own_namespaces_prometheus_and_labels(slug: str) -> None:
    manifests: list[Any] = read_platform(slug, IMAGES)
    made = {
        key(m)[2]: m["metadata"]["labels"]
        for m in [*manifests, *read_shared(IMAGES)]
        if m["kind"] == "Namespace"
    }
    assert set(namespaces_of(manifests)) <= made.keys() | {"kube-system"}
    assert all(
        made[n]["rundrill.dev/platform"] == slug for n in namespaces_of(manifests) if n != "kube-system"
    )
    assert ("StatefulSet", monitoring_of(slug), "prometheus") in {key(m) for m in manifests}


def test_no_object_belongs_to_two_platforms() -> None:
    named = [key(m) for slug in platforms() for m in read_platform(slug, IMAGES)] + [
        key(m) for m in read_shared(IMAGES)
    ]
    assert not {name for name in named if named.count(name) > 1}


@pytest.fixture(scope="module")
def recipes() -> Recipes:
    return read_recipes(PLATFORMS / "aic-aipaas" / "credentials.yaml")


def made_of(recipes: Recipes, existing: Any) -> dict[tuple[str, str], dict[str, str]]:
    made: list[Any] = missing_credentials(recipes, existing)
    return {(s["metadata"]["namespace"], s["metadata"]["name"]): s["stringData"] for s in made}


def test_credentials_are_made_once_and_shared_where_two_must_agree(recipes: Recipes) -> None:
    made = made_of(recipes, {})
    assert (
        made["data-services", "postgresql-roles"]["app-password"]
        == made["microservices", "app-secrets"]["database-password"]
    )
    assert (
        made["data-services", "rundrill-access"]["redis-password"]
        == made["microservices", "app-secrets"]["redis-password"]
    )
    assert made_of(recipes, made) == {}


@pytest.mark.parametrize("lost", [("ai-services", "app-secrets"), ("data-services", "postgresql-roles")])
def test_a_secret_that_was_lost_gets_the_passwords_that_the_others_still_use(
    recipes: Recipes, lost: tuple[str, str]
) -> None:
    made = made_of(recipes, {})
    before = made.pop(lost)
    [again] = made_of(recipes, made).values()
    shared = {"app-password", "database-password"} & before.keys()
    assert {name: again[name] for name in shared} == {name: before[name] for name in shared}


def test_a_key_that_a_secret_lacks_is_added_and_the_others_stay(recipes: Recipes) -> None:
    made = made_of(recipes, {})
    place = ("microservices", "app-secrets")
    before = made[place] | {"somebody-elses": "value"}
    without = {k: v for k, v in before.items() if k != "jwt-secret"}
    [again] = made_of(recipes, made | {place: without}).values()
    assert again == before | {"jwt-secret": again["jwt-secret"]}


def test_a_credential_may_be_a_text_as_it_stands_or_one_with_others_in_it(tmp_path: Path) -> None:
    (tmp_path / "credentials.yaml").write_text("""
        one:
          url: {whole: {template: "postgresql://app:{two/roles/password}@db:5432/x"}, plain: {literal: "{a}"}}
        two:
          roles: {password: random}
    """)
    made = made_of(read_recipes(tmp_path / "credentials.yaml"), {})
    password = made["two", "roles"]["password"]
    assert made["one", "url"] == {"whole": f"postgresql://app:{password}@db:5432/x", "plain": "{a}"}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        pytest.param("a: {b: {c: {same-as: a/b/d}}}", "there is no a/b/d", id="made of nothing"),
        pytest.param("a: {b: {c: {same-as: a/b/c}}}", "cycle", id="made of itself"),
        pytest.param("a: {b: {c: secret}}", "found 'secret', expected random", id="a password in a file"),
        pytest.param("a: {b: c}", "expected namespace: Secret: key: random", id="too shallow"),
        pytest.param("a: [", "expected namespace: Secret: key: random", id="no YAML"),
    ],
)
def test_a_wrong_credentials_file_is_named(tmp_path: Path, written: str, said: str) -> None:
    (tmp_path / "credentials.yaml").write_text(written)
    with pytest.raises(PolicyError, match=said):
        read_recipes(tmp_path / "credentials.yaml")


INGRESS = read_certificates(PLATFORMS / "aic-aipaas" / "certificates.yaml")[0]


def test_the_certificate_is_for_the_hosts_and_verifies_against_its_authority(tmp_path: Path) -> None:
    leaf, authority, *_ = INGRESS.objects()
    (tmp_path / "ca").write_text(authority["data"]["ca.crt"])  # type: ignore[index]
    (tmp_path / "leaf").write_text(leaf["stringData"]["tls.crt"])  # type: ignore[index]
    for host in INGRESS.hosts:
        command = ["openssl", "verify", "-CAfile", "ca", "-verify_hostname", host, "leaf"]
        assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    command = ["openssl", "verify", "-CAfile", "ca", "-verify_hostname", "other.example", "leaf"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize(
    ("left", "renew"),
    [
        pytest.param(INGRESS.valid - timedelta(hours=1), False, id="new"),
        pytest.param(timedelta(days=31), False, id="31 days left"),
        pytest.param(timedelta(days=29), True, id="29 days left"),
    ],
)
def test_a_certificate_is_renewed_when_less_than_thirty_days_are_left(left: timedelta, renew: bool) -> None:
    leaf: Any = INGRESS.objects()[0]
    there = {(INGRESS.namespace, INGRESS.name): leaf["stringData"]}
    assert INGRESS.needs_renewal(there, datetime.now(UTC) + INGRESS.valid - left) is renew


def test_what_is_no_certificate_needs_renewal() -> None:
    assert INGRESS.needs_renewal({}, NOON)


def test_only_backups_and_what_asks_for_it_run_as_often_as_the_drill_cluster_wants() -> None:
    def cronjob(name: str, **annotations: str) -> Any:
        return {"kind": "CronJob", "metadata": {"namespace": "n", "name": name, "annotations": annotations}}

    schedules = Schedules(timedelta(minutes=6), frozenset({("n", "dump")}))
    found = [
        schedules.period(cronjob("dump")),
        schedules.period(cronjob("files", **{"rundrill.dev/every": "backup"})),
        schedules.period(cronjob("test", **{"rundrill.dev/every": "10m"})),
        schedules.period(cronjob("report")),
    ]
    assert found == [timedelta(minutes=6), timedelta(minutes=6), timedelta(minutes=10), None]


@pytest.mark.parametrize(
    ("minutes", "live", "cron"),
    [
        pytest.param(6, None, "1-59/6 * * * *", id="its first turn is in three minutes"),
        pytest.param(6, "2-59/6 * * * *", "2-59/6 * * * *", id="the same period keeps its minutes"),
        pytest.param(6, "2-59/10 * * * *", "1-59/6 * * * *", id="another period does not"),
        pytest.param(0.5, None, "0-59/1 * * * *", id="never more often than each minute"),
        pytest.param(60, None, "7 * * * *", id="hourly"),
        pytest.param(60, "17 * * * *", "17 * * * *", id="hourly keeps its minute"),
        pytest.param(60, "2-59/6 * * * *", "7 * * * *", id="from accelerated to real time"),
        pytest.param(24 * 60, None, "7 12-23/24 * * *", id="daily"),
    ],
)
def test_the_backup_runs_as_often_as_the_policy_says(minutes: float, live: str | None, cron: str) -> None:
    assert cron_of(timedelta(minutes=minutes), NOON, live) == cron
