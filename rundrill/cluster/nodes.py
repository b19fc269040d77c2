"""Both nodes together: found as they live, made anew, ended."""

from pathlib import Path

from rundrill.cluster import cgroups, control_plane, network
from rundrill.cluster.binaries import Binaries
from rundrill.cluster.node import Node
from rundrill.cluster.places import Places
from rundrill.cluster.processes import end, find_firsts, run_inside, start_first
from rundrill.cluster.provider import ClusterBroken, Progress

LETTERS = ("a", "b")
# Written into a node's own /run when it is furnished and linked: a node without it was interrupted in the making.
COMPLETE = "/run/rundrill-node"


def living(places: Places, binaries: Binaries) -> list[Node]:
    """The nodes of this home; none unless both live and are complete."""
    firsts = find_firsts()
    found = []
    for letter in LETTERS:
        first = firsts.get((letter, places.home))
        if first and Path(f"/proc/{first.pid}/root{COMPLETE}").exists():
            found.append(Node(letter, first, places, binaries))
    return found if len(found) == len(LETTERS) and places.kubeconfig.exists() else []


def made_of(places: Places) -> str:
    """The fingerprint of the sources that the living nodes were made of; empty where there is none."""
    return places.made_of.read_text() if places.made_of.exists() else ""


def make(places: Places, binaries: Binaries, sandbox_image: str, fingerprint: str) -> list[Node]:
    """New namespaces for both nodes, linked; whatever half a cluster left is ended first."""
    end_all(places)
    places.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    nodes = []
    for letter in LETTERS:
        node = Node(letter, start_first(letter, places.home), places, binaries)
        node.furnish(sandbox_image)
        nodes.append(node)
    network.connect(nodes[0].first, nodes[1].first, places)
    control_plane.make_credentials(places, binaries, nodes)
    places.made_of.write_text(fingerprint)
    for node in nodes:
        run_inside(node.first, ["touch", COMPLETE])
    return nodes


def end_all(places: Places) -> None:
    """Ends both nodes, and with them their processes, mounts, links, routes and rules."""
    firsts = find_firsts()
    for (_, home), first in firsts.items():
        if home == places.home:
            end(first)
    if all(home == places.home for _, home in firsts):  # the link and the groups may be another cluster's
        network.disconnect_machine()
        if left := cgroups.remove_groups():
            raise ClusterBroken(f"cgroups that would not go: {', '.join(map(str, left))}")


def sweep_caches(places: Places, binaries: Binaries, say: Progress) -> None:
    """Empties the image caches of the containers of a cluster that was; images stay."""
    for letter in LETTERS:
        if not places.containerd(letter).exists():
            continue
        # A node without a network or a kubelet, for as long as its containerd takes to forget.
        node = Node(letter, start_first(letter, places.home), places, binaries)
        try:
            node.furnish("none")
            node.start_containerd()
            if swept := node.sweep():
                say(f"{node.name}: {swept} containers removed")
        finally:
            end(node.first)
