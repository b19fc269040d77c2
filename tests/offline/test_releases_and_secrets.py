"""What a release's file is told, whether a plan has a rush, and what is left of a secret's address."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from rundrill.crowd import Crowd
from rundrill.errors import NoEvidence
from rundrill.faults import recreation, rush
from rundrill.faults.release import _put
from rundrill.faults.secret_version import _without
from rundrill.faults.sweep import _evicted


def planned(tmp_path: Path, offsets: list[float], began: float) -> Crowd:
    path = tmp_path / "crowd.jsonl"
    path.write_text(json.dumps({"crowd": "C", "began": began, "rate": 1.0, "plan": offsets}) + "\n")
    return Crowd(path).read()


def test_a_dotted_path_leads_through_lists() -> None:
    manifest: dict[str, Any] = {"spec": {"containers": [{"image": "a"}, {"image": "b"}]}}
    _put(manifest, ["spec", "containers", "1", "image"], "c")
    assert manifest == {"spec": {"containers": [{"image": "a"}, {"image": "c"}]}}


@pytest.mark.parametrize(
    ("value", "left"),
    [
        pytest.param("db://u:p@h/aia?a=1&name=x", "db://u:p@h/aia?a=1", id="one of two"),
        pytest.param("db://u:p@h/aia?name=x", "db://u:p@h/aia", id="the only one"),
        pytest.param("db://u:p@h/aia", "db://u:p@h/aia", id="none"),
    ],
)
def test_a_parameter_is_taken_out_of_an_address(value: str, left: str) -> None:
    assert _without(value, "name") == left


def test_the_rush_begins_where_three_times_as_many_come(tmp_path: Path) -> None:
    began = time.time() + 60
    calm, rush_ = [float(n) for n in range(20)], [20 + n / 10 for n in range(100)]
    crowd = planned(tmp_path, calm + rush_, began)
    assert began + 15 < rush._first(crowd) <= began + 20
    assert rush._last(crowd) == pytest.approx(began + 29.9)


def test_a_steady_plan_has_no_rush(tmp_path: Path) -> None:
    crowd = planned(tmp_path, [float(n) for n in range(60)], time.time() + 60)
    with pytest.raises(NoEvidence, match="no rush"):
        rush._first(crowd)


def test_a_rush_that_came_already_is_none(tmp_path: Path) -> None:
    crowd = planned(
        tmp_path, [float(n) for n in range(20)] + [20 + n / 10 for n in range(100)], time.time() - 300
    )
    with pytest.raises(NoEvidence, match="before the gate"):
        rush._first(crowd)


@pytest.mark.parametrize(
    ("status", "swept"),
    [
        pytest.param({"phase": "Failed", "reason": "Evicted"}, True, id="evicted"),
        pytest.param({"phase": "Failed"}, False, id="failed by itself"),
        pytest.param({"phase": "Running", "reason": "Evicted"}, False, id="still running"),
    ],
)
def test_only_evicted_pods_are_swept(status: dict[str, str], swept: bool) -> None:
    assert _evicted({"status": status}) is swept


def test_a_clone_is_bound_to_nothing_of_its_original() -> None:
    service = {"kind": "Service", "metadata": {"name": "a"}, "spec": {"clusterIP": "10.0.0.1", "ports": []}}
    claim = {
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "b", "annotations": {"pv.kubernetes.io/bind-completed": "yes", "own": "1"}},
        "spec": {"volumeName": "v", "resources": {}},
    }
    assert recreation._fit(service)["spec"] == {"ports": []}
    fit = recreation._fit(claim)
    assert (fit["spec"], fit["metadata"]["annotations"]) == ({"resources": {}}, {"own": "1"})


def test_rights_are_made_before_what_runs_with_them() -> None:
    kinds = ["Deployment", "NetworkPolicy", "Secret", "ServiceAccount", "StatefulSet", "RoleBinding"]
    made = sorted(({"kind": kind} for kind in kinds), key=recreation._place_in_order)
    assert [one["kind"] for one in made[:2]] == ["ServiceAccount", "RoleBinding"]
    assert {one["kind"] for one in made[-2:]} == {"Deployment", "StatefulSet"}


def test_a_password_cannot_end_its_own_quotes() -> None:
    assert recreation._quoted("it's") == "'it''s'"


@pytest.mark.parametrize(
    ("answer", "serves"),
    [
        pytest.param((200, b'{"dependencies": {"postgresql": "up"}}'), True, id="as told"),
        pytest.param((200, b'{"dependencies": {"postgresql": "down"}}'), False, id="in other words"),
        pytest.param((200, b'{"status": "ok"}'), False, id="not a word of it"),
        pytest.param((200, b"ok"), False, id="no JSON"),
        pytest.param((503, b'{"dependencies": {"postgresql": "up"}}'), False, id="unwell"),
    ],
)
def test_a_clone_serves_when_each_pod_says_what_it_should(answer: tuple[int, bytes], serves: bool) -> None:
    assert recreation._answers(answer, {"dependencies.postgresql": "up"}) is serves
