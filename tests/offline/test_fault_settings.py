"""Settings of a container that a drill changes, and a rotation that goes on: only what the undo gives back may change."""

import base64
from types import SimpleNamespace
from typing import Any

import pytest
from kube_in_memory import KubeInMemory

from rundrill import guard
from rundrill.errors import TargetError
from rundrill.faults import rotate, setting

HERE = {"runbook": "shop"}
SECRET = "v1/Secret"


def test_a_variable_is_changed_among_the_others_and_an_equal_value_is_no_change() -> None:
    there = {"env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"secretKeyRef": {}}}]}
    changed = setting._env(there, "A", "2")
    assert changed == [{"name": "B", "valueFrom": {"secretKeyRef": {}}}, {"name": "A", "value": "2"}]
    with pytest.raises(TargetError, match="already"):
        setting._env(there, "A", "1")


def test_a_bound_on_cpu_leaves_the_bound_on_memory() -> None:
    there = {"resources": {"requests": {"cpu": "10m"}, "limits": {"memory": "128Mi"}}}
    found = setting._limited(there, "40m")
    assert found == {"requests": {"cpu": "10m"}, "limits": {"memory": "128Mi", "cpu": "40m"}}


def written(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def kube(monkeypatch: pytest.MonkeyPatch) -> KubeInMemory:
    """A Secret in the midst of a rotation: `key` had a value before, `next` had none."""
    kube = KubeInMemory()
    values = {"key": written("second"), "next": written("third"), "other": written("kept")}
    mark = {rotate.MARK: "rotate-1"}
    kube.create(SECRET, "shop", {"metadata": {"name": "keys", "annotations": mark}, "data": values})
    former = {"metadata": {"name": "rotate-1", "annotations": {rotate.NEW: "next"}}}
    kube.create(SECRET, "rundrill", {**former, "data": {"key": written("first")}})
    monkeypatch.setattr(rotate, "place", lambda configuration, namespace: (session(kube), namespace))
    monkeypatch.setattr(guard, "allow", lambda *_: None)
    return kube


def session(kube: KubeInMemory) -> Any:
    return SimpleNamespace(kube=kube, namespace=lambda slug, name: name)


def test_a_later_step_takes_a_former_value_and_leaves_what_it_does_not_name(kube: KubeInMemory) -> None:
    rotate.again("shop", "keys", {"key": "former:key"}, HERE)
    data = kube.one(SECRET, "shop", "keys")["data"]
    assert data == {"key": written("first"), "next": written("third"), "other": written("kept")}


def test_a_later_step_touches_no_key_that_the_undo_would_not_give_back(kube: KubeInMemory) -> None:
    with pytest.raises(TargetError, match="named no other"):
        rotate.again("shop", "keys", {"other": "random"}, HERE)


def test_a_secret_that_nobody_rotates_has_no_later_step(kube: KubeInMemory) -> None:
    kube.patch(SECRET, "shop", "keys", {"metadata": {"annotations": {rotate.MARK: None}}})
    with pytest.raises(TargetError, match="not being rotated"):
        rotate.again("shop", "keys", {"key": "random"}, HERE)


def test_no_second_service_is_restarted_before_the_first_is_complete(
    kube: KubeInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("front", "back")
    for name in names:
        template: dict[str, Any] = {"metadata": {}}
        kube.create(
            "apps/v1/Deployment", "shop", {"metadata": {"name": name}, "spec": {"template": template}}
        )
    told: list[tuple[str, list[str]]] = []

    def complete(_: Any, space: str, asked: str) -> bool:
        templates = {n: kube.one("apps/v1/Deployment", space, n)["spec"]["template"] for n in names}
        told.append((asked, [n for n in names if templates[n]["metadata"].get("annotations")]))
        return True

    monkeypatch.setattr(rotate, "_complete", complete)
    rotate.again("shop", "keys", {"key": "former:key"}, HERE, restarts=names)
    assert told == [("front", ["front"]), ("back", ["front", "back"])]
