"""What was sent or cloned is taken away again, and nothing else is."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from kube_in_memory import KubeInMemory

from rundrill.errors import UndoError
from rundrill.faults import audit, clone, debug, errand, rights, secret_manager, secret_version
from rundrill.session import Session


class Cluster(KubeInMemory):
    """Gives each object an id, and deletes at once, whatever grace is given."""

    def create(self, api: str, namespace: str | None, body: dict[str, Any]) -> dict[str, Any]:
        return super().create(api, namespace, {**body, "metadata": {"uid": "1", **body["metadata"]}})

    def delete(self, api: str, namespace: str | None, name: str, grace: int | None = None) -> None:
        super().delete(api, namespace, name)


@pytest.fixture
def kube() -> Cluster:
    return Cluster()


def session_of(kube: KubeInMemory) -> Session:
    return cast(Session, SimpleNamespace(kube=kube))


def namespace(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels}}


def test_a_namespace_that_is_no_clone_is_never_taken_away(kube: Cluster) -> None:
    kube.create("v1/Namespace", None, namespace("microservices"))
    with pytest.raises(UndoError, match="is no clone of ours"):
        clone.undo(session_of(kube), {"namespace": "microservices"})
    assert kube.items("v1/Namespace")


def test_a_clone_goes_and_its_undo_may_be_asked_again(kube: Cluster) -> None:
    kube.create("v1/Namespace", None, namespace("copy", **{clone.LABEL: "microservices"}))
    for _ in range(2):
        assert clone.undo(session_of(kube), {"namespace": "copy"}) == "namespace copy is gone"
    assert not kube.items("v1/Namespace")


def test_a_pod_that_was_sent_goes_and_its_undo_may_be_asked_again(kube: Cluster) -> None:
    kube.create("v1/Pod", "apps", {"metadata": {"name": "client"}, "status": {"phase": "Running"}})
    for _ in range(2):
        assert errand.undo(session_of(kube), {"namespace": "apps", "name": "client"}).endswith("is gone")
    assert not kube.items("v1/Pod")


def test_the_audit_records_are_read_where_the_api_server_answers(kube: Cluster) -> None:
    for name, ip in {"one": "10.0.0.1", "two": "10.0.0.2"}.items():
        kube.create("v1/Node", None, {"metadata": {"name": name}, "status": {"addresses": [{"address": ip}]}})
    assert audit.beside_the_control_plane(session_of(kube)) == {}
    labels = {"kubernetes.io/service-name": "kubernetes"}
    ends = {"metadata": {"name": "kubernetes", "labels": labels}, "endpoints": [{"addresses": ["10.0.0.2"]}]}
    kube.create("discovery.k8s.io/v1/EndpointSlice", "default", ends)
    assert audit.beside_the_control_plane(session_of(kube)) == {"nodeName": "two"}


class Slow(Cluster):
    """Lets a deleted pod shut down for as long as it is looked at twice."""

    looks = 2

    def delete(self, api: str, namespace: str | None, name: str, grace: int | None = None) -> None:
        self.patch(api, namespace, name, {"metadata": {"deletionTimestamp": "now"}})
        self.create(api, namespace, pod("new", "2"))

    def one(self, api: str, namespace: str | None, name: str) -> dict[str, Any]:
        found = super().one(api, namespace, name)
        if "deletionTimestamp" in found["metadata"]:
            self.looks -= 1
            if not self.looks:
                super().delete(api, namespace, name)
        return found


def pod(name: str, uid: str) -> dict[str, Any]:
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    return {"metadata": {"name": name, "uid": uid, "labels": {"app": "it"}}, "status": status}


def test_a_joined_pod_that_shuts_down_is_waited_for() -> None:
    kube = Slow()
    kube.create("v1/Pod", "here", pod("old", "1"))
    told = {"namespace": "here", "selector": "app=it", "ready": 1, "pods": [["old", "1"]]}
    assert debug.undo(session_of(kube), told).startswith("1 pods of here were replaced")


MANAGER = {
    "service": "here/manager:8000", "project": "p", "secret": "url", "operator": "here/operator/token",
    "namespace": "here", "external": "app", "key": "URL",
}  # fmt: skip


def test_the_undoer_may_change_a_version_for_as_long_as_the_fault_lasts(
    kube: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[str]()

    def newest(session: Session, place: secret_manager.Manager) -> str:
        asked.append("newest")
        return "db?x=1"

    monkeypatch.setattr(secret_manager, "newest", newest)
    monkeypatch.setattr(secret_manager, "add", lambda session, place, value: asked.append(value))
    monkeypatch.setattr(secret_manager, "synchronise", lambda session, place, value: 0.0)
    place = secret_manager.Manager.model_validate(MANAGER)
    words = {"does": "plain", "manager": MANAGER, "parameter": "x", "right": "right-1"}
    assert "was not touched" in secret_version.undo(session_of(kube), words)
    assert not asked
    secret_version._lend(session_of(kube), place, "right-1")
    (role,) = kube.items(rights.ROLE)
    assert [(rule["resources"], rule["resourceNames"]) for rule in role["rules"]] == [
        (["secrets"], ["operator", "app"]), (["externalsecrets"], ["app"]), (["rolebindings"], ["right-1"]),
    ]  # fmt: skip
    assert "are without x again" in secret_version.undo(session_of(kube), words)
    assert asked == ["newest", "db"]
    assert not kube.items(rights.BINDING)
    assert "before the right" in secret_version.undo(session_of(kube), words)
