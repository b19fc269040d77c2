"""The cluster comes back from whatever happened to it, and goes without a trace.

These tests kill it, and at the end remove it. They have a machine of their own, `tests/cluster/own-machine.sh`,
so that the drill cluster with its platform lives on beside them.
"""

import os
import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from rundrill.cluster import addresses as at
from rundrill.cluster import cgroups, open_provider
from rundrill.cluster.native import Native
from rundrill.cluster.places import find_places
from rundrill.cluster.processes import find_firsts, members

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(
        "RUNDRILL_OWN_MACHINE" not in os.environ, reason="run by tests/cluster/own-machine.sh"
    ),
]


# Where the programs of a cluster like to make directories.
DIRECTORIES = [
    *map(
        Path,
        (
            "/opt/containerd",
            "/usr/libexec/kubernetes",
            "/etc/kubernetes",
            "/etc/containerd",
            "/run/containerd",
        ),
    ),
    *map(
        Path,
        (
            "/run/netns",
            "/run/runc",
            "/var/lib/cni",
            "/var/lib/kubelet",
            "/var/lib/containerd",
            "/var/log/pods",
        ),
    ),
]
THERE_BEFORE = [path for path in DIRECTORIES if path.exists()]


@pytest.fixture
def native() -> Native:
    provider = open_provider("native")
    assert isinstance(provider, Native)
    provider.up(print)
    return provider


@pytest.fixture
def marker(native: Native) -> Iterator[str]:
    """A ConfigMap whose survival shows that the content of the cluster was kept."""
    kubectl(native, "delete", "configmap", "marker", "--ignore-not-found")  # of a run that was killed
    kubectl(native, "create", "configmap", "marker")
    yield "configmap/marker"
    kubectl(native, "delete", "configmap", "marker", "--ignore-not-found")


def kubectl(native: Native, *words: str) -> str:
    argv = [str(native.kubectl()), f"--kubeconfig={native.kubeconfig()}", *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def ours() -> dict[int, str]:
    """Every process of the nodes of this home."""
    firsts = [first for (_, home), first in find_firsts().items() if home == find_places().home]
    return {pid: name for first in firsts for pid, name in members(first)}


def kill(victims: Iterable[int]) -> None:
    """Kills them all; one that died with another is dead already."""
    for pid in victims:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def pids(native: Native) -> list[int]:
    """The daemons of the nodes, and those of the control plane."""
    programs = {"containerd", "kubelet", "kube-proxy", "server", "kube-apiserver"}
    programs |= {"kube-controller-manager", "kube-scheduler"}
    return [pid for pid, name in ours().items() if name in programs]


def test_a_second_up_changes_nothing(native: Native) -> None:
    before = ours()
    native.up(print)
    assert pids(native) == [pid for pid in before if pid in pids(native)]


def test_every_daemon_killed_is_started_again_and_pods_live_on(native: Native, marker: str) -> None:
    before = pids(native)
    kill(before)
    assert not native.status().running
    native.up(print)
    assert not set(before) & set(pids(native))
    assert kubectl(native, "get", marker, "-o", "name") == marker


def test_every_process_killed_as_by_a_reboot_leaves_the_content(native: Native, marker: str) -> None:
    kill(ours())
    assert not native.status().running
    native.up(print)
    assert kubectl(native, "get", marker, "-o", "name") == marker


def test_one_node_lost_brings_both_back(native: Native, marker: str) -> None:
    first = find_firsts()["b", find_places().home]
    os.kill(first.pid, signal.SIGKILL)
    native.up(print)
    assert kubectl(native, "get", marker, "-o", "name") == marker


def test_a_stopped_daemon_goes_on(native: Native) -> None:
    kubelets = [pid for pid, name in ours().items() if name == "kubelet"]
    api = next(pid for pid, name in ours().items() if name == "kube-apiserver")
    for pid in (*kubelets, api):
        os.kill(pid, signal.SIGSTOP)
    assert not native.status().running
    native.up(print)
    assert native.status().running


def test_a_lost_link_to_the_machine_is_made_again(native: Native) -> None:
    subprocess.run(["ip", "link", "delete", at.HOST_LINK], check=True)
    assert not native.status().running
    native.up(print)
    assert native.status().running


def test_an_unreadable_etcd_is_started_anew_and_said_so(native: Native, marker: str) -> None:
    kill(ours())
    for log in find_places().etcd.rglob("*.wal"):
        log.write_bytes(b"not a log" * 1000)
    (find_places().etcd / "member" / "snap" / "db").write_bytes(b"not a database")
    said: list[str] = []
    native.up(said.append)
    assert any("starting with an empty cluster" in line for line in said)
    assert kubectl(native, "get", "configmap", "--field-selector=metadata.name=marker", "-o", "name") == ""


@pytest.mark.parametrize("lost", ["pki kubeconfig etcd", "pki"])
def test_half_a_down_is_healed(native: Native, lost: str) -> None:
    kill(ours())
    for part in lost.split():
        subprocess.run(["rm", "-r", find_places().state / part], check=True)
    native.up(print)
    assert native.status().running


def test_down_leaves_nothing_but_caches_and_what_is_not_ours(native: Native) -> None:
    with subprocess.Popen(["bash", "-c", "exec -a kubelet sleep 600"]) as other:
        try:
            native.down(print)
            assert other.poll() is None
        finally:
            other.kill()
    assert ours() == {}
    assert traces() == []
    assert not find_places().state.exists()
    native.down(print)
    assert not native.status().running


def traces() -> list[str]:
    """Mounts, namespaces, links, routes, rules and groups of the cluster that are on the machine."""
    home = str(find_places().home)
    listings = {
        "mount": Path("/proc/self/mounts").read_text(),
        "link": say("ip", "link"),
        "route": say("ip", "route", "show", "table", "all"),
        "rule": say("iptables-save"),
        "namespace": say("ip", "netns", "list"),
        "process": say("ps", "-eo", "args"),
    }
    words = (
        home + "/state",
        home + "/bin",
        home + "/containerd",
        at.HOST_LINK,
        "198.18.",
        "198.19.",
        "KUBE-",
        "cni",
    )
    found = [
        f"{kind}: {line}"
        for kind, text in listings.items()
        for line in text.splitlines()
        if any(word in line for word in words)
    ]
    found += [str(h / cgroups.OURS) for h in cgroups.hierarchies() if (h / cgroups.OURS).exists()]
    return found + [str(path) for path in DIRECTORIES if path.exists() and path not in THERE_BEFORE]


def say(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout
