"""A lost node is back once all that is on it is well; what left it meanwhile is not waited for."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from kube_in_memory import KubeInMemory

from rundrill.errors import UndoError
from rundrill.faults import node
from rundrill.session import Session

READY, UNREADY = ({"type": "Ready", "status": status} for status in ("True", "False"))


class Cluster(KubeInMemory):
    """One node, and the pods on it."""

    def __init__(self, says: dict[str, str]) -> None:
        super().__init__()
        self.create("v1/Node", None, {"metadata": {"name": "a"}, "status": {"conditions": [says]}})

    def with_pod(self, name: str, *says: dict[str, str], phase: str = "Running", **meta: str) -> "Cluster":
        metadata = {"name": name, "namespace": "apps", **meta}
        self.create(
            "v1/Pod", "apps", {"metadata": metadata, "status": {"phase": phase, "conditions": [*says]}}
        )
        return self

    def get(self, path: str, **query: str) -> dict[str, Any]:
        assert (path, query) == ("/api/v1/pods", {"fieldSelector": "spec.nodeName=a"})
        return {"items": self.items("v1/Pod")}


def undo(kube: Cluster, ready: int) -> str:
    return node.undo(cast(Session, SimpleNamespace(kube=kube)), {"node": "a", "of": "node-1", "ready": ready})


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "BACK_WITHIN", timedelta(seconds=0.1))
    monkeypatch.setattr(node, "EVERY", timedelta(seconds=0.05))


def test_a_node_with_as_many_ready_pods_as_before_is_back() -> None:
    assert "is ready" in undo(Cluster(READY).with_pod("one", READY).with_pod("two", UNREADY), 1)


def test_a_pod_that_stands_elsewhere_now_is_not_waited_for() -> None:
    kube = Cluster(READY).with_pod("one", READY).with_pod("done", UNREADY, phase="Succeeded")
    assert "is ready" in undo(kube, 2)


def test_a_pod_that_is_not_ready_yet_is_waited_for() -> None:
    with pytest.raises(UndoError, match="1 of 2 pods ready"):
        undo(Cluster(READY).with_pod("one", READY).with_pod("two", UNREADY), 2)


def test_a_pod_on_its_way_out_is_waited_for() -> None:
    kube = Cluster(READY).with_pod("one", READY).with_pod("two", READY, deletionTimestamp="now")
    with pytest.raises(UndoError):
        undo(kube, 3)


@pytest.mark.parametrize("says", [UNREADY, {"type": "Ready", "status": "Unknown"}])
def test_a_node_that_is_not_ready_is_not_back(says: dict[str, str]) -> None:
    with pytest.raises(UndoError):
        undo(Cluster(says).with_pod("one", READY), 1)


def test_a_node_with_no_pod_left_at_all_is_not_taken_for_well() -> None:
    with pytest.raises(UndoError):
        undo(Cluster(READY), 1)
