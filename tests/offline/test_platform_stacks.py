"""Putting platforms into a cluster: nothing twice, nothing left over, and a broken one stops no other."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rundrill.errors import PolicyError, TargetError
from rundrill.platform import arrivals, check_slugs, cluster_client
from rundrill.platform.app_imports import APP, needed_by
from rundrill.platform.arrivals import Arrivals
from rundrill.platform.cluster_client import Kubectl, KubectlFailed, Manifest
from rundrill.platform.manifests import key
from rundrill.platform.removal import take_down
from rundrill.platform.stack import Stack
from rundrill.platform.workloads import unready


@pytest.fixture
def kubectl(tmp_path: Path) -> Kubectl:
    program = tmp_path / "kubectl"
    source = Path(__file__).with_name("kubectl_in_memory.py").read_text()
    program.write_text(source.replace("/usr/bin/env python3", sys.executable, 1))
    program.chmod(0o755)
    return Kubectl(program, tmp_path / "kubeconfig")


def deployment(namespace: str, name: str, **spec: Any) -> Manifest:
    template: dict[str, Any] = {"metadata": {}, "spec": {"containers": []}}
    metadata = {"namespace": namespace, "name": name}
    return {"kind": "Deployment", "metadata": metadata, "spec": {"template": template, **spec}}


def stack(name: str, *manifests: Manifest) -> Stack:
    namespace: Manifest = {"kind": "Namespace", "metadata": {"name": name}}
    return Stack(name, name, [namespace, *manifests])


def in_cluster(kubectl: Kubectl, *kinds: str) -> set[str]:
    return {" ".join(key(item)[1:]) for item in kubectl.items(",".join(kinds), "--all-namespaces")}


def settled(kubectl: Kubectl, *stacks: Stack) -> tuple[dict[str, str], list[str]]:
    said: list[str] = []
    on_their_way = Arrivals(kubectl, said.append)
    on_their_way.settle(stacks)
    return on_their_way.failed, said


def test_a_platform_that_is_refused_stops_no_other(kubectl: Kubectl) -> None:
    failed, said = settled(
        kubectl, stack("one", deployment("one", "refused")), stack("two", deployment("two", "web"))
    )
    assert list(failed) == ["one"]
    assert "must be non-negative" in failed["one"]
    assert "two: up" in said
    assert in_cluster(kubectl, "Deployment") == {"two web"}


def test_a_platform_where_nothing_moves_is_given_up_and_named(
    kubectl: Kubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "STILL_FOR", timedelta(seconds=1))
    monkeypatch.setattr(arrivals, "POLL", timedelta(seconds=0.2))
    failed, said = settled(
        kubectl, stack("one", deployment("one", "never")), stack("two", deployment("two", "web"))
    )
    assert "one/never (0 of 1 ready)" in failed["one"]
    assert "two: up" in said


def test_an_api_server_that_is_too_busy_is_asked_again(
    kubectl: Kubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_client, "PAUSE", timedelta(0))
    kubectl.program.with_name("busy").write_text("3")
    failed, said = settled(kubectl, stack("one", deployment("one", "web")))
    assert not failed
    assert "one: up" in said
    assert in_cluster(kubectl, "Deployment") == {"one web"}


def test_an_api_server_that_stays_too_busy_is_no_answer(
    kubectl: Kubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_client, "PAUSE", timedelta(0))
    monkeypatch.setattr(cluster_client, "PATIENCE", timedelta(seconds=0.5))
    kubectl.program.with_name("busy").write_text("1000")
    with pytest.raises(KubectlFailed, match="request timed out"):
        kubectl.items("nodes")


def test_what_a_file_names_no_more_is_removed_and_what_holds_content_is_not(kubectl: Kubectl) -> None:
    claim: Manifest = {"kind": "PersistentVolumeClaim", "metadata": {"namespace": "one", "name": "rows"}}
    settled(kubectl, stack("one", deployment("one", "old"), deployment("one", "web"), claim))
    _, said = settled(kubectl, stack("one", deployment("one", "web")))
    assert "one: removing Deployment one/old" in said
    assert in_cluster(kubectl, "Deployment", "PersistentVolumeClaim") == {"one web", "one rows"}


def test_what_an_up_brought_that_ended_half_way_is_removed_too(kubectl: Kubectl) -> None:
    stack("one", deployment("one", "old")).put(kubectl, print)
    settled(kubectl, stack("one", deployment("one", "web")))
    assert in_cluster(kubectl, "Deployment") == {"one web"}


def test_what_cannot_be_changed_in_place_is_replaced(kubectl: Kubectl) -> None:
    def database(service: str) -> Manifest:
        return deployment("one", "database", serviceName=service) | {"kind": "StatefulSet"}

    settled(kubectl, stack("one", database("old")))
    failed, said = settled(kubectl, stack("one", database("new")))
    assert not failed
    assert "replacing StatefulSet one/database: some of it cannot be changed in place" in said


def test_what_stands_is_known_again_and_any_change_is_seen(kubectl: Kubectl) -> None:
    before = stack("one", deployment("one", "web"))
    settled(kubectl, before)

    def live() -> dict[tuple[str, str, str], Manifest]:
        return {key(m): m for m in kubectl.items("ConfigMap,Deployment,Namespace", "--all-namespaces")}

    assert before.stands(live(), {})
    assert not stack("one", deployment("one", "web", replicas=2)).stands(live(), {})
    kubectl.run("delete", "Deployment", "web")
    assert not before.stands(live(), {})


def test_an_autoscaler_decides_where_the_manifest_says_no_number(kubectl: Kubectl) -> None:
    kubectl.apply([deployment("one", "web", replicas=4)])
    failed, _ = settled(kubectl, Stack("one", "one", []))
    live = {key(m): m for m in kubectl.items("Deployment", "--all-namespaces")}
    assert not failed
    assert unready(live, [deployment("one", "web")]) == []
    assert unready(live, [deployment("one", "web", replicas=2)]) == ["one/web (4 replicas instead of 2)"]


def test_a_name_that_is_no_platforms_is_refused_with_those_that_are() -> None:
    with pytest.raises(PolicyError, match=r"there is no such platform, only .*aic-aipaas"):
        check_slugs(["aic-aipaas", "shop"])


def test_a_services_layer_holds_what_it_imports_and_nothing_else(tmp_path: Path) -> None:
    names = {file.name for file in needed_by({APP / "services" / "witness.py"})}
    assert {"witness.py", "mail.py", "book.py", "web.py", "metrics.py", "settings.py", "__init__.py"} <= names
    assert not {"kube_state.py", "backup.py", "auth.py"} & names


def test_one_platform_is_taken_off_and_what_others_share_stays(kubectl: Kubectl) -> None:
    take_down(["aic-aipaas"], kubectl, lambda line: None)
    calls = kubectl.program.with_name("calls").read_text().splitlines()
    deleted = [line.split() for line in calls if line.startswith("delete")]
    spaces = next(words for words in deleted if words[1] == "namespace")
    assert {"microservices", "data-services"} <= set(spaces)
    assert not {"monitoring", "aiaas", "kube-system"} & set(spaces)
    alone = {"/".join(words[1:3]) for words in deleted if "--namespace=monitoring" in words}
    assert "StatefulSet/prometheus" in alone
    assert "Deployment/witness" not in alone
    assert "--namespace=microservices" not in " ".join(calls)


def test_a_platform_with_an_open_fault_stays(kubectl: Kubectl) -> None:
    entry: Manifest = {
        "kind": "ConfigMap",
        "metadata": {"namespace": "rundrill", "name": "fault-1", "labels": {"rundrill.dev/fault": "open"}},
        "data": {"runbook": "aia"},
    }
    kubectl.apply([entry])
    take_down(["aiaas"], kubectl, lambda line: None)
    with pytest.raises(TargetError, match="fault-1; run rundrill recover"):
        take_down(["aia"], kubectl, lambda line: None)
