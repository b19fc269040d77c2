"""What of the cluster is in order, seen without changing anything."""

from collections.abc import Sequence

from rundrill.cluster import addons, control_plane, network
from rundrill.cluster.api import Api, Unanswered
from rundrill.cluster.node import Node
from rundrill.cluster.places import Places
from rundrill.cluster.provider import ClusterStatus, NodeStatus

OK = "ok"


def look(nodes: Sequence[Node], places: Places) -> ClusterStatus:
    """The state of every part of the cluster that lives on these nodes."""
    if not nodes:
        return ClusterStatus(running=False, nodes=(), parts={"nodes": "there are none"})
    parts = {name: OK if pid else "does not run" for name, pid in control_plane.daemons(nodes[0]).items()}
    parts["link"] = OK if network.connected(places) else "missing"
    ready: set[str] = set()
    try:
        api = Api(places)
        ready = api.ready_nodes()
        pods = api.ready_pods({node.name: node.first.born for node in nodes})
        for app, count in addons.EXPECTED.items():
            parts[app] = OK if pods.get(app, 0) >= count else f"{pods.get(app, 0)} of {count} pods ready"
        parts["metrics"] = OK if api.metrics_available() else "not available"
    except Unanswered as problem:
        parts["api"] = f"does not answer: {problem}"
    seen = tuple(NodeStatus(node.name, node.name in ready, node.daemons()) for node in nodes)
    for node in seen:
        lost = [daemon for daemon, pid in node.daemons.items() if pid is None]
        parts[node.name] = f"without {', '.join(lost)}" if lost else OK if node.ready else "not Ready"
    return ClusterStatus(running=all(state == OK for state in parts.values()), nodes=seen, parts=parts)
