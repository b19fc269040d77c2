"""What NetworkPolicies let through, computed from their text as Kubernetes words it."""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rundrill.labels import selects

type Json = Mapping[str, Any]


@dataclass(frozen=True)
class End:
    """One end of a connection: a pod, and the labels of its namespace."""

    pod: Json
    namespace_labels: Mapping[str, str]

    @property
    def namespace(self) -> str:
        """Where the pod is."""
        return str(self.pod["metadata"]["namespace"])

    @property
    def labels(self) -> Mapping[str, str]:
        """The pod's own labels."""
        return self.pod["metadata"].get("labels") or {}


def allows(policies: Iterable[Json], source: End, target: End, port: int, protocol: str = "TCP") -> bool:
    """Whether the policies of both ends let the source reach that port of the target."""
    known = list(policies)
    return _lets("Egress", known, source, target, port, protocol) and _lets(
        "Ingress", known, target, source, port, protocol
    )


def _lets(direction: str, policies: list[Json], near: End, far: End, port: int, protocol: str) -> bool:
    """Without any policy for this direction everything passes; otherwise one rule must let it through."""
    about = [
        policy
        for policy in policies
        if policy["metadata"]["namespace"] == near.namespace
        and selects(policy["spec"].get("podSelector") or {}, near.labels)
        and direction in _directions(policy["spec"])
    ]
    listening = far if direction == "Egress" else near
    return not about or any(
        _port(rule.get("ports"), listening.pod, port, protocol)
        and _peer(
            rule.get("to" if direction == "Egress" else "from"), far, str(policy["metadata"]["namespace"])
        )
        for policy in about
        for rule in policy["spec"].get(direction.lower()) or ()
    )


def _directions(spec: Json) -> list[str]:
    said = spec.get("policyTypes")
    return list(said) if said else ["Ingress", *(["Egress"] if spec.get("egress") else [])]


def _peer(peers: Any, far: End, home: str) -> bool:
    """No peers at all mean everybody."""
    return not peers or any(_is(peer, far, home) for peer in peers)


def _is(peer: Json, far: End, home: str) -> bool:
    if block := peer.get("ipBlock"):
        return _in_block(block, str(far.pod["status"].get("podIP") or ""))
    space = peer.get("namespaceSelector")
    right_space = selects(space, far.namespace_labels) if space is not None else far.namespace == home
    pods = peer.get("podSelector")
    return right_space and (pods is None or selects(pods, far.labels))


def _in_block(block: Json, address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    inside = found in ipaddress.ip_network(block["cidr"], strict=False)
    return inside and not any(
        found in ipaddress.ip_network(hole, strict=False) for hole in block.get("except") or ()
    )


def _port(ports: Any, listening: Json, port: int, protocol: str) -> bool:
    """No ports at all mean every port; a named one is looked up in the pod that listens."""
    return not ports or any(
        (one.get("protocol") or "TCP") == protocol and _meant(one, listening, port) for one in ports
    )


def _meant(one: Json, listening: Json, port: int) -> bool:
    said = one.get("port")
    if said is None:
        return True
    if isinstance(said, str) and not said.isdigit():
        return any(
            each.get("name") == said and each["containerPort"] == port
            for container in listening["spec"]["containers"]
            for each in container.get("ports") or ()
        )
    return int(said) <= port <= int(one.get("endPort") or said)
