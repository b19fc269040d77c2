"""What the native cluster is made of holds together: addresses, configuration, addons."""

import ipaddress
from string import Template

import pytest
import yaml

from rundrill.cluster import addresses as at
from rundrill.cluster.binaries import VERSION, wanted_go
from rundrill.cluster.places import DEPLOY

RANGES = {"pods of a": at.PODS["a"], "pods of b": at.PODS["b"], "services": at.SERVICES}


@pytest.mark.parametrize("cidr", [*RANGES.values(), f"{at.HOST}/30", f"{at.NODES['a']}/30"])
def test_every_range_is_in_the_one_set_aside_for_benchmarks(cidr: str) -> None:
    assert ipaddress.IPv4Network(cidr, strict=False).subnet_of(ipaddress.IPv4Network("198.18.0.0/15"))


def test_no_two_ranges_overlap() -> None:
    networks = [ipaddress.IPv4Network(cidr) for cidr in RANGES.values()]
    networks += [ipaddress.IPv4Network(f"{address}/30", strict=False) for address in (at.HOST, at.NODES["a"])]
    overlaps = [(a, b) for i, a in enumerate(networks) for b in networks[i + 1 :] if a.overlaps(b)]
    assert overlaps == []


def test_both_ends_of_each_link_are_in_one_network() -> None:
    for one, other in ((at.HOST, at.API_FROM_HOST), (at.NODES["a"], at.NODES["b"])):
        assert ipaddress.IPv4Interface(f"{one}/30").network == ipaddress.IPv4Interface(f"{other}/30").network


def addon_objects() -> list[dict[str, object]]:
    texts = [Template(path.read_text()) for path in sorted((DEPLOY / "addons").glob("*.yaml"))]
    names = {name for text in texts for name in text.get_identifiers()}
    return [
        thing for text in texts for thing in yaml.safe_load_all(text.substitute(dict.fromkeys(names, "x")))
    ]


def test_the_addons_pull_no_image() -> None:
    workloads = [thing for thing in addon_objects() if thing["kind"] in ("Deployment", "DaemonSet")]
    policies = [
        container["imagePullPolicy"]
        for workload in workloads
        for container in workload["spec"]["template"]["spec"]["containers"]  # type: ignore[index]
    ]
    assert policies == ["Never"] * 3


def test_exactly_one_storage_class_is_the_default() -> None:
    classes = [thing for thing in addon_objects() if thing["kind"] == "StorageClass"]
    assert [one["metadata"]["name"] for one in classes] == ["rundrill-local"]  # type: ignore[index]


def test_kubernetes_is_built_at_the_version_it_calls_itself() -> None:
    assert f"k8s.io/kubernetes {VERSION}" in (DEPLOY / "kubernetes" / "go.mod").read_text()


def test_the_newest_go_that_a_module_asks_for_is_the_one_wanted() -> None:
    assert wanted_go() >= (1, 26)
