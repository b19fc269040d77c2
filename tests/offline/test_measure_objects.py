"""Facts out of Kubernetes objects by dotted paths."""

from datetime import UTC, datetime
from typing import Any

import pytest

from rundrill.objectpath import Nowhere, fact_at, quantity

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
NODE: dict[str, Any] = {
    "metadata": {"name": "a", "labels": {"app.kubernetes.io/name": "shop"}},
    "spec": {
        "suspend": False,
        "rules": [{"host": "a.example"}, {"host": "b.example"}, {}],
        "podSelector": {},
    },
    "status": {
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "DiskPressure", "status": "False"}],
        "lastSuccessfulTime": "2026-11-21T08:58:30Z",
        "used": {"cpu": "250m", "memory": "512Mi", "pods": "3"},
        "hard": {"cpu": "1", "memory": "1Gi", "secrets": "5"},
    },
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("metadata.name", "a", id="a key"),
        pytest.param("spec.suspend", False, id="false is a fact"),
        pytest.param(r"metadata.labels.app\.kubernetes\.io/name", "shop", id="a key with dots"),
        pytest.param("spec.rules.1.host", "b.example", id="a number"),
        pytest.param("spec.rules.*.host", "a.example, b.example", id="all items that have it"),
        pytest.param("spec.rules.#", 3, id="how many"),
        pytest.param("spec.podSelector.#", 0, id="an empty mapping has none"),
        pytest.param("spec.ingress.#", 0, id="a list that is not there has none"),
        pytest.param("spec.taints.*.key", "", id="nothing to join"),
        pytest.param("status.conditions.type=Ready.status", "True", id="the item with a key"),
        pytest.param("status.lastSuccessfulTime.since", 90.0, id="an age in seconds"),
        pytest.param("status.used.cpu / status.hard.cpu", 0.25, id="one quotient"),
        pytest.param("status.used / status.hard", 0.5, id="the largest quotient of two mappings"),
    ],
)
def test_a_path_leads_to_its_fact(path: str, value: object) -> None:
    assert fact_at(NODE, path, NOW) == value


@pytest.mark.parametrize("path", ["status.absent", "status.conditions.type=Gone.status", "spec.rules.7.host"])
def test_a_path_that_leads_nowhere_gives_no_fact(path: str) -> None:
    with pytest.raises(Nowhere):
        fact_at(NODE, path, NOW)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("250m", 0.25),
        ("1Gi", 2**30),
        ("1k", 1000),
        ("1e3", 1000),
        ("12345n", 1.2345e-05),
        ("3", 3),
        ("1.5Mi", 1572864),
    ],
)
def test_a_quantity_is_a_number(text: str, number: float) -> None:
    assert quantity(text) == pytest.approx(number)


def test_a_word_is_no_quantity() -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        quantity("much")
