"""The cluster's network: between the nodes one link, to the machine one link, to the outside none.

No node has a default route, so no packet of the cluster can leave the machine. The machine itself gets one link
and one `unreachable` route for the whole range, so that its own stray packets do not leave either.
"""

import json
import subprocess
from pathlib import Path

from rundrill.cluster import addresses as at
from rundrill.cluster.places import Places
from rundrill.cluster.processes import ENVIRONMENT, First, run_inside
from rundrill.cluster.provider import ClusterBroken

# The metric tells our route from one that somebody else made for the same reason.
DEAD_END = f"unreachable {at.ALL} metric 19818"

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


def connect(a: First, b: First, places: Places) -> None:
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
    connect_machine(a, places)


def connect_machine(a: First, places: Places) -> None:
    """Links node a with the machine: a way to the API server, and for nothing else."""
    _ip(f"link add {at.HOST_LINK} type veth peer name {at.HOST_LINK_IN_NODE} netns {a.pid}")
    _ip(f"link set {at.HOST_LINK} alias", mark(places))
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
    _ip(f"route replace {DEAD_END}")


def mark(places: Places) -> str:
    """What our link on the machine says of itself."""
    return f"rundrill:{places.home}"


def disconnect_machine() -> None:
    """Takes our link and our route from the machine; does nothing where there is none."""
    if link_mark().startswith("rundrill:"):
        subprocess.run(["ip", "link", "delete", at.HOST_LINK], capture_output=True, env=ENVIRONMENT)
    subprocess.run(["ip", "route", "delete", *DEAD_END.split()], capture_output=True, env=ENVIRONMENT)


def link_mark() -> str:
    """What the machine's link of our name says of itself; empty where there is none, or it says nothing."""
    alias = Path(f"/sys/class/net/{at.HOST_LINK}/ifalias")
    return alias.read_text().strip() if alias.exists() else ""


def connected(places: Places) -> bool:
    """Whether our link and our route are on the machine."""
    return link_mark() == mark(places) and any(
        route.get("type") == "unreachable" and route["dst"] == at.ALL for route in routes()
    )


def routes() -> list[dict[str, str]]:
    """The IPv4 routes of the machine, as iproute2 tells them."""
    said = subprocess.run(
        ["ip", "-json", "-4", "route", "show"], capture_output=True, text=True, check=True, env=ENVIRONMENT
    ).stdout
    found: list[dict[str, str]] = json.loads(said or "[]")
    return found


def _script(node: First, lines: str) -> None:
    run_inside(node, ["sh", "-ec", lines])


def _ip(words: str, *more: str) -> None:
    done = subprocess.run(["ip", *words.split(), *more], capture_output=True, text=True, env=ENVIRONMENT)
    if done.returncode:
        raise ClusterBroken(f"ip {words}: {done.stderr.strip()}")
