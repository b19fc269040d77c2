"""Hands let go all at once, and only those of one entry."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from kube_in_memory import KubeInMemory

from rundrill.errors import UndoError
from rundrill.faults import grip, hand
from rundrill.session import Session


class Slow(KubeInMemory):
    """Pods that go only once all of them were told to."""

    def __init__(self, pods: int) -> None:
        super().__init__()
        self.told: set[str] = set()
        for number in range(pods):
            labels = {grip.LABEL: "holds", grip.OF: "hand-1"}
            body = {"metadata": {"name": f"hand-1-{number}", "labels": labels}, "status": {}}
            self.create("v1/Pod", None, body)

    def delete(self, api: str, namespace: str | None, name: str) -> None:
        self.one(api, namespace, name)
        self.told.add(name)
        if self.told >= {str(pod["metadata"]["name"]) for pod in self.items("v1/Pod")}:
            for each in self.told:
                super().delete(api, namespace, each)


def undo(kube: Slow, of: str) -> str:
    words: dict[str, Any] = {"of": of, "grips": [], "namespace": "apps", "selector": "app=api", "ready": 0}
    return hand.undo(cast(Session, SimpleNamespace(kube=kube)), words)


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hand, "GONE_WITHIN", timedelta(seconds=0.1))


def test_every_hand_is_told_to_let_go_before_any_is_waited_for() -> None:
    kube = Slow(3)
    assert "no hand is left" in undo(kube, "hand-1")
    assert not kube.items("v1/Pod")


def test_the_hands_of_another_entry_stay() -> None:
    kube = Slow(2)
    assert undo(kube, "hand-2")
    assert len(kube.items("v1/Pod")) == 2 and not kube.told


def test_a_hand_that_does_not_go_leaves_the_entry_open() -> None:
    kube = Slow(1)
    kube.create("v1/Pod", None, {"metadata": {"name": "other"}, "status": {}})
    with pytest.raises(UndoError, match="hand-1-0"):
        undo(kube, "hand-1")
