"""How servers inside a cluster are reached: by name from within, by a tunnel from outside."""

import ipaddress
import threading
from collections.abc import Callable

from rundrill.errors import TargetError
from rundrill.gateway.endpoints import ready_endpoints
from rundrill.gateway.kubernetes import Kube, NotFound
from rundrill.gateway.streams import Place
from rundrill.gateway.tunnel import Tunnel

type Address = tuple[str, int]


class Ways:
    """Host and port of servers, each opened once; whoever stands behind a service when a connection is made answers it."""

    def __init__(self, kube: Kube, inside: bool) -> None:
        self._kube = kube
        self._inside = inside
        self._open: dict[str, Tunnel] = {}
        self._lock = threading.Lock()

    def service(self, service: str) -> Address:
        """The way to `namespace/name:port`; TargetError where no pod behind it is ready."""
        namespace, _, named = service.partition("/")
        name, _, port = named.partition(":")
        if self._inside:
            return f"{name}.{namespace}.svc", int(port)
        return self._tunnel(service, lambda: self._ready(service))

    def pod(self, namespace: str, pod: str, port: int) -> Address:
        """The way to one port of one pod; TargetError where there is no such pod."""
        if self._inside:
            return str(self._kube.one("v1/Pod", namespace, pod)["status"]["podIP"]), port

        def there() -> Place:
            self._kube.one("v1/Pod", namespace, pod)
            return namespace, pod, port

        return self._tunnel(f"{namespace}/{pod}:{port} itself", there)

    def named(self, namespace: str, host: str, port: int) -> Address:
        """The way to a name or an IP that a server of that namespace advertises: a service, or a pod of a headless one."""
        if self._inside:
            return host, port
        if _is_ip(host):
            pods = self._kube.items("v1/Pod", namespace)
            host = next((pod["metadata"]["name"] for pod in pods if pod["status"].get("podIP") == host), host)
        first = host.partition(".")[0]
        try:
            return self.service(f"{namespace}/{first}:{port}")
        except NotFound:
            return self.pod(namespace, first, port)

    def close(self) -> None:
        """Ends every tunnel."""
        with self._lock:
            for tunnel in self._open.values():
                tunnel.close()
            self._open = {}

    def _tunnel(self, name: str, find: Callable[[], Place]) -> Address:
        """A tunnel that is open, or a new one; where the last connection found nobody, it is looked for again here."""
        known = self._open.get(name)
        if known is None or known.lost:
            place = find()
            with self._lock:
                known = self._open.get(name) or Tunnel(self._kube.streams, find, place)
                self._open[name] = known
            known.lost = False
        return known.address

    def _ready(self, service: str) -> Place:
        endpoints = ready_endpoints(self._kube, service)
        if not endpoints:
            raise TargetError(f"no pod behind {service} is ready")
        return endpoints[0].namespace, endpoints[0].pod, endpoints[0].port


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
