"""The cluster's network: between the nodes one link, to the machine one link, to the outside none.

No node has a default route, so no packet of the cluster can leave the machine. The machine itself gets one link
and one `unreachable` route for the whole range, so that its own stray packets do not leave either.
"""

import json
import subprocess
from pathlib import Path

from rundrill.cluster import addresses as at
from rundrill.cluster.processes import First, run_inside
from rundrill.cluster.provider import ClusterBroken

NODE_SETTINGS = """
ip link set lo up
cd /proc/sys/net
for scope in all default; do
  [ ! -e ipv6 ] || echo 1 > ipv6/conf/$scope/disable_ipv6
  echo 0 > ipv4/conf/$scope/rp_filter
done
echo 1 > ipv4/ip_forward
[ ! -e bridge ] || echo 1 > bridge/bridge-nf-call-iptables
"""


def connect(a: First, b: First) -> None:
    """Links the two nodes with each other, and node a with the machine."""
    for node in (a, b):
        _script(node, NODE_SETTINGS)
    _ip(f"link add {at.NODE_LINK} netns {a.pid} type veth peer name {at.NODE_LINK} netns {b.pid}")
    for node, mine, theirs in ((a, "a", "b"), (b, "b", "a")):
        own = at.NODES[mine]
        _script(
            node,
            f"ip address add {own}/30 dev {at.NODE_LINK}\n"
            f"ip link set {at.NODE_LINK} up\n"
            f"ip route add {at.PODS[theirs]} via {at.NODES[theirs]}\n"
            # A packet to a service needs a route before kube-proxy's rules can turn it; without rules it dies here.
            f"ip route add {at.SERVICES} dev {at.NODE_LINK} src {own}\n",
        )
    connect_machine(a)


def connect_machine(a: First) -> None:
    """Links node a with the machine: a way to the API server, and for nothing else."""
    _ip(f"link add {at.HOST_LINK} type veth peer name {at.HOST_LINK_IN_NODE} netns {a.pid}")
    _ip(f"address add {at.HOST}/30 dev {at.HOST_LINK}")
    _ip(f"link set {at.HOST_LINK} up")
    _script(
        a,
        f"ip address add {at.API_FROM_HOST}/30 dev {at.HOST_LINK_IN_NODE}\n"
        f"ip link set {at.HOST_LINK_IN_NODE} up\n"
        # Only node a itself talks over this link: nothing is forwarded to the machine, nothing from it.
        f"iptables -w -t mangle -A FORWARD -o {at.HOST_LINK_IN_NODE} -j DROP\n"
        f"iptables -w -t mangle -A FORWARD -i {at.HOST_LINK_IN_NODE} -j DROP\n",
    )
    _ip(f"route replace unreachable {at.ALL}")


def disconnect_machine() -> None:
    """Takes our link and our route from the machine; does nothing where there is none."""
    for words in (f"link delete {at.HOST_LINK}", f"route delete unreachable {at.ALL}"):
        subprocess.run(["ip", *words.split()], capture_output=True)


def connected() -> bool:
    """Whether our link and our route are on the machine."""
    return Path(f"/sys/class/net/{at.HOST_LINK}").exists() and any(
        route.get("type") == "unreachable" and route["dst"] == at.ALL for route in routes()
    )


def routes() -> list[dict[str, str]]:
    """The IPv4 routes of the machine, as iproute2 tells them."""
    said = subprocess.run(
        ["ip", "-json", "-4", "route", "show"], capture_output=True, text=True, check=True
    ).stdout
    found: list[dict[str, str]] = json.loads(said or "[]")
    return found


def _script(node: First, lines: str) -> None:
    run_inside(node, ["sh", "-ec", lines])


def _ip(words: str) -> None:
    done = subprocess.run(["ip", *words.split()], capture_output=True, text=True)
    if done.returncode:
        raise ClusterBroken(f"ip {words}: {done.stderr.strip()}")
