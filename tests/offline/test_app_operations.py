"""The book of operations: who changed what for which purpose, what explains an event, when a level is reached."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import app_sources  # noqa: F401 # makes `services` importable
import pytest
import yaml
from services.aipaas import changes, export, figures, operations
from services.aipaas.kubernetes import applicable

type Json = dict[str, Any]


def touched(manager: str, at: str, field: str = "f:template") -> Json:
    return {"manager": manager, "time": at, "fieldsV1": {"f:spec": {field: {}}}}


def workload(*entries: Json) -> Json:
    return {"metadata": {"managedFields": list(entries)}}


@pytest.mark.parametrize(
    ("hand", "purpose"),
    [
        pytest.param("installer", "installation", id="the installer"),
        pytest.param("drill", "drill", id="a drill"),
        pytest.param("kubectl-rollout", "maintenance", id="a person"),
        pytest.param("", "maintenance", id="nobody knows whose"),
    ],
)
def test_the_purpose_of_a_change_is_by_whose_hand(
    monkeypatch: pytest.MonkeyPatch, hand: str, purpose: str
) -> None:
    monkeypatch.setenv("INSTALLING_HANDS", "installer")
    monkeypatch.setenv("DRILLING_HANDS", "drill,other-drill")
    assert changes.purpose_of(hand) == purpose


def test_the_hand_is_that_of_the_last_to_touch_the_field() -> None:
    item = workload(
        touched("installer", "2026-01-01T00:00:00Z"),
        touched("kubectl-rollout", "2026-01-02T00:00:00Z"),
        touched("autoscaler", "2026-01-03T00:00:00Z", "f:replicas"),
    )
    assert changes.hand_of(item, "f:template") == "kubectl-rollout"


def test_a_field_that_nobody_is_known_to_have_touched_has_no_hand() -> None:
    assert changes.hand_of(workload(), "f:template") == "unknown"


@pytest.mark.parametrize(
    ("message", "explained"),
    [
        pytest.param('User "x" cannot list secrets: forbidden', False, id="a refusal"),
        pytest.param(
            "forbidden: no relationship found between node 'a' and this object", True, id="the kubelet's race"
        ),
    ],
)
def test_only_the_harmless_refusal_is_explained(message: str, explained: bool) -> None:
    assert (operations.explanation(message) is not None) == explained


@pytest.mark.parametrize(
    ("now", "per_second", "says"),
    [
        pytest.param(0.9, 0.0, "reached", id="above it"),
        pytest.param(0.85, -1.0, "reached", id="at it"),
        pytest.param(0.5, 0.0, "never", id="level"),
        pytest.param(0.5, -0.1, "never", id="falling"),
        pytest.param(0.5, None, "never", id="no slope yet"),
        pytest.param(0.5, 0.35 / 86_400 / 2, "in 2 days", id="rising"),
        pytest.param(None, 0.1, None, id="not known"),
    ],
)
def test_a_straight_line_tells_when_a_level_is_reached(
    now: float | None, per_second: float | None, says: str | None
) -> None:
    assert figures.when_reached(now, per_second, 0.85) == says


def test_an_exported_object_can_be_applied_again() -> None:
    live = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a", "namespace": "n", "uid": "1", "resourceVersion": "2", "managedFields": []},
        "spec": {"clusterIP": "198.18.255.3", "clusterIPs": ["198.18.255.3"], "ports": [{"port": 80}]},
        "status": {},
    }
    assert applicable(live) == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a", "namespace": "n"},
        "spec": {"ports": [{"port": 80}]},
    }


def test_an_export_is_for_its_owners_eyes_only_and_seven_are_kept(tmp_path: Path) -> None:
    for day in range(9):
        stamp = datetime(2026, 1, 1 + day, tzinfo=UTC).strftime("%Y%m%d_%H%M%S")
        made = export.write(tmp_path, "cluster", stamp, [{"kind": "Secret"}])
        export.forget_old(tmp_path, "cluster")
    assert made.stat().st_mode & 0o777 == 0o600
    assert yaml.safe_load(made.read_text())["items"] == [{"kind": "Secret"}]
    assert len(list(tmp_path.iterdir())) == 7
