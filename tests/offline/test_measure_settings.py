"""Settings out of files and environments, and what may be told of a Secret."""

from typing import Any

import pytest

from rundrill.environment import Hidden, environment_of
from rundrill.errors import NoEvidence
from rundrill.measure.secrets import _EXAMPLE, _bits
from rundrill.rbac import facts
from rundrill.settingsfile import parse

MAPS = {"app": {"LEVEL": "INFO", "PORT": "80"}}


def workload(**container: Any) -> dict[str, Any]:
    containers = [{"name": "app", **container}, {"name": "sidecar"}]
    return {"metadata": {"name": "shop"}, "spec": {"template": {"spec": {"containers": containers}}}}


def test_properties_are_read_as_java_reads_them() -> None:
    text = "# a comment\nspring.pool.max = 20\nspring.pool.idle:5\nlong = a \\\n   b\n\n! another\nempty =\n"
    assert parse(text, "properties") == {
        "spring.pool.max": "20",
        "spring.pool.idle": "5",
        "long": "a b",
        "empty": "",
    }


def test_an_environment_file_may_export_and_quote() -> None:
    assert parse("export A=1\nB='two words'\n#C=3\n", "env") == {"A": "1", "B": "two words"}


@pytest.mark.parametrize(("text", "format"), [("{", "json"), ("a: [", "yaml")])
def test_what_cannot_be_parsed_is_said(text: str, format: str) -> None:
    with pytest.raises(ValueError):
        parse(text, format)


def test_an_environment_follows_config_maps_and_hides_secrets() -> None:
    found = environment_of(
        workload(
            envFrom=[{"configMapRef": {"name": "app"}, "prefix": "P_"}],
            env=[
                {"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "app", "key": "LEVEL"}}},
                {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                {"name": "URL", "value": "http://x:$(P_PORT)"},
                {"name": "DSN", "value": "user:$(PASSWORD)"},
                {"name": "GONE", "valueFrom": {"configMapKeyRef": {"name": "app", "key": "none"}}},
            ],
        ),
        None,
        MAPS,
    )
    assert found == {
        "P_LEVEL": "INFO",
        "P_PORT": "80",
        "LEVEL": "INFO",
        "PASSWORD": Hidden(),
        "URL": "http://x:80",
        "DSN": Hidden(),
    }


def test_a_container_that_is_not_there_is_said() -> None:
    with pytest.raises(NoEvidence, match="no container 'web'"):
        environment_of(workload(), "web", MAPS)


@pytest.mark.parametrize(
    ("text", "at_least", "at_most"),
    [
        pytest.param("9f86d081884c7d659a2feaa0c55ad015", 128, 128, id="32 hex digits"),
        pytest.param("hunter2", 0, 40, id="a word and a digit"),
        pytest.param("a" * 64, 0, 64, id="one letter many times"),
        pytest.param("", 0, 0, id="nothing"),
    ],
)
def test_entropy_is_bounded_from_above(text: str, at_least: int, at_most: int) -> None:
    assert at_least <= _bits(text) <= at_most


@pytest.mark.parametrize(
    "text", ["value", "changeme", "change-me", "<your key>", "", "your-api-key", "xxxx", "admin"]
)
def test_an_example_is_known_as_one(text: str) -> None:
    assert _EXAMPLE.search(text)


@pytest.mark.parametrize("text", ["9f86d081884c7d659a2feaa0c55ad015", "dGVzdHZhbHVlMTIzNDU2Nzg5MA=="])
def test_a_random_value_is_no_example(text: str) -> None:
    assert not _EXAMPLE.search(text)


BINDING = {
    "metadata": {"name": "b"},
    "roleRef": {"kind": "Role", "name": "r"},
    "subjects": [{"kind": "ServiceAccount", "name": "web", "namespace": "shop"}],
}


@pytest.mark.parametrize(
    ("rules", "wildcard", "cluster_admin"),
    [
        pytest.param(
            [{"verbs": ["get"], "resources": ["pods"], "apiGroups": [""]}], False, False, id="one right"
        ),
        pytest.param(
            [{"verbs": ["*"], "resources": ["pods"], "apiGroups": [""]}], True, False, id="every verb"
        ),
        pytest.param([{"verbs": ["*"], "resources": ["*"], "apiGroups": ["*"]}], True, True, id="everything"),
    ],
)
def test_a_role_is_read(rules: list[Any], wildcard: bool, cluster_admin: bool) -> None:
    found = facts(BINDING, {"rules": rules}, "shop")
    assert (found["wildcard"], found["cluster_admin"]) == (wildcard, cluster_admin)
    assert found["default_account"] is False


def test_a_role_that_is_not_there_tells_nothing_of_its_rules() -> None:
    assert "wildcard" not in facts(BINDING, None, "shop")


def test_a_group_of_all_accounts_holds_the_default_one() -> None:
    everybody = {**BINDING, "subjects": [{"kind": "Group", "name": "system:serviceaccounts:shop"}]}
    assert facts(everybody, {"rules": []}, "shop")["default_account"] is True
