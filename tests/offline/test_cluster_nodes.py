"""A node's processes end with it; somebody else's are never touched. Real namespaces, no cluster."""

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rundrill.cluster.places import Places
from rundrill.cluster.preflight import check_machine
from rundrill.cluster.processes import (
    First,
    end,
    find_firsts,
    members,
    run_inside,
    start_first,
    start_inside,
    started,
    stop,
)
from rundrill.cluster.provider import ClusterBroken, ClusterRefused

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/usr/bin/catatonit").exists(),
    reason="makes namespaces: needs root and catatonit",
)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[First]:
    first = start_first("test", tmp_path)
    yield first
    end(first)


def daemon(node: First, program: str, *words: str, started_by: tuple[str, ...] = ()) -> int:
    start_inside(node, [*started_by, program, *words], Path("/dev/null"))
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for pid, name in members(node):
            if name == program:
                return pid
        time.sleep(0.01)
    raise AssertionError(f"{program} did not start")


def test_a_node_is_found_by_the_home_it_belongs_to(node: First, tmp_path: Path) -> None:
    assert find_firsts()["test", tmp_path] == node


def test_what_runs_in_a_node_ends_with_it(node: First) -> None:
    pid = daemon(node, "sleep", "600")
    end(node)
    assert started(pid) is None


def test_a_daemon_outside_the_node_is_not_a_member(node: First) -> None:
    with subprocess.Popen(["sleep", "600"]) as other:
        try:
            assert other.pid not in dict(members(node))
            end(node)
            assert other.poll() is None
        finally:
            other.kill()


def test_a_recycled_process_id_is_not_taken_for_ours(node: First) -> None:
    impostor = First(node.pid, node.started - 1)
    assert not impostor.alive
    end(impostor)
    assert node.alive


def test_a_daemon_that_ignores_the_request_is_killed(node: First) -> None:
    pid = daemon(node, "sleep", "600", started_by=("env", "--ignore-signal=TERM"))
    stop(pid, timeout_s=0.3)
    assert started(pid) is None


def test_a_node_has_no_way_out(node: First) -> None:
    assert run_inside(node, ["ip", "route"]) == ""


def test_a_failing_command_says_what_it_wrote(node: First) -> None:
    with pytest.raises(ClusterBroken, match=r"sh -c .*: exit 3: no such thing"):
        run_inside(node, ["sh", "-c", "echo no such thing >&2; exit 3"])


def test_a_full_disk_is_refused_with_what_is_free(tmp_path: Path) -> None:
    # A file system of our own, in a namespace of our own, that is really too small.
    seen = elsewhere(
        f"""
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", "{tmp_path}"], check=True)
        check_machine(Places(Path("{tmp_path}/home")))
        """
    )
    assert "GiB free, 12 GiB needed" in seen


@pytest.mark.parametrize("home", ["/var/lib/rundrill", "/run/rundrill"])
def test_a_home_that_the_nodes_would_hide_is_refused(home: str) -> None:
    with pytest.raises(ClusterRefused, match=r"nodes have their own .*choose another"):
        check_machine(Places(Path(home)))


def test_a_machine_without_anything_in_the_way_is_accepted(tmp_path: Path) -> None:
    assert elsewhere(f'check_way(Places(Path("{tmp_path}")))') == "accepted"


def test_an_address_of_the_cluster_on_the_machine_is_refused_by_its_device(tmp_path: Path) -> None:
    seen = elsewhere(
        f"""
        subprocess.run("ip link add mine0 type veth peer name mine1; ip address add 198.18.7.1/24 dev mine0", shell=True)
        check_way(Places(Path("{tmp_path}")))
        """
    )
    assert seen.startswith("mine0 has 198.18.7.1, which overlaps the cluster's 198.18.0.0/15")


def test_a_route_into_the_range_is_refused(tmp_path: Path) -> None:
    seen = elsewhere(
        f"""
        subprocess.run("ip link add mine0 type veth peer name mine1; ip link set mine0 up; ip link set mine1 up;"
                       "ip address add 10.1.1.1/24 dev mine0; ip route add 198.19.4.0/24 via 10.1.1.2", shell=True)
        check_way(Places(Path("{tmp_path}")))
        """
    )
    assert seen.startswith("mine0 has 198.19.4.0/24")


def test_a_link_of_our_name_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    seen = elsewhere(
        f"""
        subprocess.run("ip link add rundrill0 type veth peer name mine1", shell=True)
        check_way(Places(Path("{tmp_path}")))
        """
    )
    assert seen.startswith("there is a network link rundrill0 that this cluster did not make")


def test_a_cluster_of_another_home_is_refused_by_its_home(tmp_path: Path) -> None:
    seen = elsewhere(
        f"""
        from rundrill.cluster.processes import end, start_first
        first = start_first("a", Path("/somewhere/else"))
        try:
            check_way(Places(Path("{tmp_path}")))
        finally:
            end(first)
        """
    )
    assert "another drill cluster runs here, of RUNDRILL_HOME=/somewhere/else" in seen


def elsewhere(lines: str) -> str:
    """What these lines come to in mount, network and PID namespaces of their own: the refusal, or `accepted`."""
    program = textwrap.dedent(
        """
        import subprocess
        from pathlib import Path
        from rundrill.cluster.places import Places
        from rundrill.cluster.preflight import check_machine, check_way
        from rundrill.cluster.provider import ClusterRefused
        subprocess.run(["mount", "-t", "sysfs", "sysfs", "/sys"], check=True)
        try:
        {lines}
            print("accepted")
        except ClusterRefused as refusal:
            print(refusal)
        """
    ).format(lines=textwrap.indent(textwrap.dedent(lines).strip(), "    "))
    alone = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc"]
    done = subprocess.run(
        [*alone, sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
