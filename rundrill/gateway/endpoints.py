"""Who stands behind a service right now, by its endpoint slices."""

from collections.abc import Callable
from dataclasses import dataclass

from rundrill.gateway.kubernetes import Json, Kube


@dataclass(frozen=True, order=True)
class Endpoint:
    """One ready pod behind a service, and the port that it listens on."""

    namespace: str
    pod: str
    port: int
    uid: str


def ready_endpoints(kube: Kube, service: str) -> list[Endpoint]:
    """The ready pods behind `namespace/name:port`; NotFound where there is no such service."""
    return _endpoints(kube, service, lambda conditions: bool(conditions.get("ready")))


def staying_endpoints(kube: Kube, service: str) -> list[Endpoint]:
    """The pods behind a service, ready or not, but for those on their way out."""
    return _endpoints(kube, service, lambda conditions: not conditions.get("terminating"))


def _endpoints(kube: Kube, service: str, wanted: Callable[[Json], bool]) -> list[Endpoint]:
    namespace, _, named = service.partition("/")
    name, _, port = named.partition(":")
    spec = kube.one("v1/Service", namespace, name)["spec"]
    port_name = next((one.get("name") for one in spec["ports"] if str(one["port"]) == port), None)
    slices = kube.items("discovery.k8s.io/v1/EndpointSlice", namespace, f"kubernetes.io/service-name={name}")
    found = {
        Endpoint(
            namespace, endpoint["targetRef"]["name"], int(open_port["port"]), endpoint["targetRef"]["uid"]
        )
        for one in slices
        for open_port in one.get("ports") or ()
        if (open_port.get("name") or None) == (port_name or None)
        for endpoint in one.get("endpoints") or ()
        if wanted(endpoint.get("conditions") or {}) and endpoint.get("targetRef", {}).get("kind") == "Pod"
    }
    return sorted(found)
