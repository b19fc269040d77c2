"""What of a pod's traffic a fault hits, as rules of iptables."""

import ipaddress
from dataclasses import dataclass

from rundrill.errors import TargetError
from rundrill.session import Session


@dataclass(frozen=True)
class Aim:
    """A direction, a port and peers; everything of that direction where neither is named."""

    direction: str
    port: int | None
    peers: tuple[str, ...]
    """Addresses; everybody where there is none."""

    def __str__(self) -> str:
        port = f" port {self.port}" if self.port else ""
        return f"{self.direction}{port}{' ' if self.peers else ''}{', '.join(self.peers)}"

    def rule(self, packets: str, verdict: str, chains: tuple[str, str] = ("OUTPUT", "INPUT")) -> list[str]:
        """One rule a peer, as what follows -I or -D; the name of the entry stands in its comment."""
        out = self.direction == "out"
        chain, far = (f"{chains[0]} ! -o lo", "-d") if out else (f"{chains[1]} ! -i lo", "-s")
        port = f"--dport {self.port}" if self.port else ""
        words = [
            f"{chain} {packets} {port} {f'{far} {peer}' if peer else ''}" for peer in self.peers or ("",)
        ]
        return [f'{" ".join(one.split())} -m comment --comment "$OF" {verdict}' for one in words]


def aimed(session: Session, runbook: str, direction: str, port: int | None, peer: str | None) -> Aim:
    """The aim in addresses; TargetError where a peer has none."""
    if direction not in ("in", "out"):
        raise TargetError(f"direction {direction!r} is neither in nor out")
    return Aim(direction, port, addresses(session, runbook, direction, peer) if peer else ())


def addresses(session: Session, runbook: str, direction: str, peer: str) -> tuple[str, ...]:
    """The addresses that a pod sees a peer by: a service's own on the way out, its pods' on the way in."""
    try:
        return (
            (str(ipaddress.ip_network(peer)),)
            if "/" not in peer or peer[0].isdigit()
            else _of(session, runbook, direction, peer)
        )
    except ValueError:
        raise TargetError(f"peer {peer!r} is neither an address nor namespace/service") from None


def _of(session: Session, runbook: str, direction: str, peer: str) -> tuple[str, ...]:
    role, _, name = peer.partition("/")
    space = session.namespace(runbook, role)
    service = session.kube.one("v1/Service", space, name)
    own = str(service["spec"].get("clusterIP") or "None")
    if direction == "out" and own != "None":
        return (own,)
    slices = session.kube.items(
        "discovery.k8s.io/v1/EndpointSlice", space, f"kubernetes.io/service-name={name}"
    )
    found = {str(a) for one in slices for end in one.get("endpoints") or [] for a in end["addresses"]}
    if not found:
        raise TargetError(f"service {space}/{name} has no address to aim at")
    return tuple(sorted(found))
