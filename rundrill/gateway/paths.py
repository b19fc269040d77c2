"""Where the API server keeps objects: `apps/v1/Deployment` -> `/apis/apps/v1/namespaces/shop/deployments`."""

from urllib.parse import quote

from rundrill.target import ServiceAddress

BUILT_IN = frozenset(
    {
        "v1",
        "apps/v1",
        "autoscaling/v2",
        "batch/v1",
        "coordination.k8s.io/v1",
        "discovery.k8s.io/v1",
        "networking.k8s.io/v1",
        "policy/v1",
        "rbac.authorization.k8s.io/v1",
        "storage.k8s.io/v1",
    }
)
"""Groups whose resources are called as their kinds are, in the plural."""
_IRREGULAR = {"Endpoints": "endpoints"}


def plural(kind: str) -> str:
    """The resource name of a kind, such as `networkpolicies`."""
    word = kind.lower()
    if kind in _IRREGULAR:
        return _IRREGULAR[kind]
    if word.endswith("y") and word[-2] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "x", "ch")) else f"{word}s"


def object_path(
    api: str,
    namespace: str | None,
    name: str | None = None,
    subresource: str = "",
    resource: str | None = None,
) -> str:
    """The path of one object, or of their list where no name is given; no namespace means all, or cluster-wide."""
    version, _, kind = api.rpartition("/")
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    place = f"/namespaces/{quote(namespace)}" if namespace else ""
    tail = "".join(f"/{quote(part)}" for part in (name, subresource) if part)
    return f"{root}{place}/{resource or plural(kind)}{tail}"


def service_path(address: ServiceAddress, path: str = "") -> str:
    """The path of the API server's proxy to a service, with what follows on that service."""
    namespace, _, service = address.service.partition("/")
    name, _, port = service.partition(":")
    scheme = "https:" if address.scheme == "https" else ""
    return f"/api/v1/namespaces/{namespace}/services/{scheme}{name}:{port}/proxy/{path.lstrip('/')}"


def pod_path(namespace: str, pod: str, port: int | str, path: str = "") -> str:
    """The path of the API server's proxy to one port of a pod."""
    return f"/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy/{path.lstrip('/')}"
