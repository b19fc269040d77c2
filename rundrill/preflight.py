"""Which faults of the catalogue work on a target, and why the others do not: asked of it, never assumed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rundrill import guard, kernels
from rundrill.errors import NoEvidence, TargetError
from rundrill.ledger import NAMESPACE
from rundrill.session import Session
from rundrill.standby import engine_image
from rundrill.target import PlatformAddresses

REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True)
class Right:
    """Something that the API server must let us do."""

    verb: str
    resource: str
    """Such as `apps/deployments/scale`; the first part is "" for the core group."""
    here: str | None = None
    """A namespace of its own; otherwise every one that opted in, and None for what has no namespace is `*`."""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource.strip('/')}"


@dataclass(frozen=True)
class Needs:
    """What one fault needs of a target."""

    rights: tuple[Right, ...] = ()
    kernel: tuple[str, ...] = ()
    node: bool = False
    """A node that carries the label itself."""
    server: str = ""
    """What the platform must have: driller, redis, kafka or replica."""


@dataclass(frozen=True)
class Possible:
    """What became of asking for one fault."""

    fault: str
    works: bool
    says: str
    """How it works where there are two ways, or why it does not."""


_HAND = (Right("create", "/pods", NAMESPACE), Right("delete", "/pods", NAMESPACE))
_PATCH = (Right("patch", "apps/deployments"),)
_EXEC = (Right("create", "/pods/exec"),)
_SECRETS = (
    Right("patch", "/secrets"),
    Right("create", "rbac.authorization.k8s.io/roles"),
    Right("create", "rbac.authorization.k8s.io/rolebindings"),
    Right("create", "/secrets", NAMESPACE),
)
_NET = Needs(_HAND + _EXEC, ("reject",))
CATALOGUE: Mapping[str, Needs] = {
    "pod killed (kill.kill_pods)": Needs((Right("delete", "/pods"),)),
    "container killed by a signal (process.signal)": Needs(_HAND, ("cgroups",)),
    "frozen process (process.freeze)": Needs(_HAND + _EXEC, ("cgroups",)),
    "crash loop (bad_rollout.crash_loop)": Needs(_PATCH),
    "image that does not pull (bad_rollout.missing_image)": Needs(_PATCH),
    "scale to zero (scale.scale_to_zero)": Needs((Right("patch", "apps/deployments/scale"),)),
    "rolling restart (restart.restart)": Needs(_PATCH),
    "node drained (drain.drain_node_of)": Needs(
        (Right("patch", "/nodes", "*"), Right("create", "/pods/eviction")), node=True
    ),
    "node lost (node.lose_node_of)": Needs(_HAND, ("kubelet",), node=True),
    "CPU pressure (pressure.burn_cpu)": Needs(_EXEC),
    "memory filled (pressure.fill_memory)": Needs(_EXEC),
    "memory pressure to OOM (pressure.run_out_of_memory)": Needs(_EXEC),
    "full volume (volume.fill)": Needs(_EXEC),
    "full volume by a stand-in (volume.stand_in)": Needs(_HAND + _EXEC, ("cgroups",)),
    "connections refused (network.refuse)": _NET,
    "connections reset (network.reset)": _NET,
    "blackhole (network.drop)": _NET,
    "bandwidth limit (network.narrow)": Needs(_HAND + _EXEC, ("tbf",)),
    "DNS failure (network.lose_dns)": _NET,
    "latency and jitter (latency.slow)": Needs(_HAND + _EXEC, ("netem|redirect",)),
    "PostgreSQL without connections (connections.hold)": Needs(server="driller"),
    "long transaction and lock (lock.hold_table)": Needs(server="driller"),
    "table that cannot be read (privilege.hide_table)": Needs(server="driller"),
    "replica stopped (replica.stop_replay)": Needs(_HAND + _EXEC, ("cgroups",), server="replica"),
    "Redis flushed (cache.flush)": Needs(server="redis"),
    "Redis memory full (cache.limit_memory)": Needs(server="redis"),
    "Kafka broker stopped (process.freeze)": Needs(_HAND + _EXEC, ("cgroups",), server="kafka"),
    "consumer stopped (process.freeze)": Needs(_HAND + _EXEC, ("cgroups",), server="kafka"),
    "dependency answers errors (dependency.answer)": Needs((Right("get", "/services"),)),
    "rotated secret (rotate.rotate)": Needs(_SECRETS),
    "expired certificate (rotate.expire)": Needs(_SECRETS),
    "wrong configuration (change.patch)": Needs((Right("patch", "/configmaps"), *_PATCH)),
    "unauthorized access, bad input, flood (flood.send)": Needs((Right("get", "/services"),)),
}
_SERVERS: Mapping[str, Callable[[PlatformAddresses], bool]] = {
    "driller": lambda addresses: "driller" in addresses.postgres,
    "replica": lambda addresses: "replica" in addresses.postgres,
    "redis": lambda addresses: addresses.redis is not None,
    "kafka": lambda addresses: addresses.kafka is not None,
}
_CALLED = {
    "driller": "PostgreSQL role `driller`",
    "replica": "PostgreSQL `replica`",
    "redis": "Redis",
    "kafka": "Kafka",
}


def possible(session: Session, slugs: Sequence[str]) -> list[Possible]:
    """Each fault of the catalogue in its order; every question is asked once."""
    spaces = _opted_in(session)
    for_all = list(_for_all(session, spaces))
    try:
        nodes = kernels.looked(session.kube)
    except (NoEvidence, TargetError) as error:
        nodes, blind = {}, str(error)
    else:
        blind = ""
    return [_one(session, slugs, spaces, nodes, blind, for_all, *entry) for entry in CATALOGUE.items()]


def _opted_in(session: Session) -> list[str]:
    """The namespaces that faults may touch."""
    labelled = session.kube.items("v1/Namespace", None, f"{guard.LABEL}={guard.ALLOWED}")
    names = {str(one["metadata"]["name"]) for one in labelled}
    return sorted(names - set(session.policy.guard.protected_namespaces))


def _for_all(session: Session, spaces: Sequence[str]) -> Iterator[str]:
    """Why no fault at all may begin."""
    if not spaces:
        yield f"no namespace carries the label {guard.LABEL}: {guard.ALLOWED}"
    try:
        engine_image(session.kube)
    except TargetError as error:
        yield f"nobody could stand by to undo it: {error}"


def _one(
    session: Session,
    slugs: Sequence[str],
    spaces: Sequence[str],
    nodes: Mapping[str, frozenset[str]],
    blind: str,
    for_all: Sequence[str],
    fault: str,
    needs: Needs,
) -> Possible:
    lacks = [*for_all, *_rights(session, needs.rights, spaces), *_server(session, needs.server, slugs)]
    if needs.kernel:
        lacks += [blind] if blind else _kernel(needs.kernel, nodes)
    if needs.node and not session.kube.items("v1/Node", None, f"{guard.LABEL}={guard.ALLOWED}"):
        lacks.append(f"no node carries the label {guard.LABEL}: {guard.ALLOWED}")
    if lacks:
        return Possible(fault, False, "; ".join(lacks))
    return Possible(fault, True, _how(needs, nodes, session, slugs))


def _rights(session: Session, rights: Sequence[Right], spaces: Sequence[str]) -> Iterator[str]:
    for right in rights:
        where = [right.here] if right.here else spaces
        if refused := [space for space in where if not _may(session, right, space)]:
            everywhere = "" if right.here == "*" else f" in {', '.join(map(str, refused))}"
            yield f"the API server does not let us {right}{everywhere}"


def _may(session: Session, right: Right, space: str | None) -> bool:
    group, resource, *sub = right.resource.split("/")
    asked = {"verb": right.verb, "group": group, "resource": resource, "subresource": "".join(sub)}
    asked |= {} if space == "*" else {"namespace": str(space)}

    def ask() -> bool:
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": asked},
        }
        return bool(session.kube.call("POST", REVIEW, review)["status"]["allowed"])

    return session.cached(("may", right, space), ask)


def _server(session: Session, server: str, slugs: Sequence[str]) -> Iterator[str]:
    if server and not any(_SERVERS[server](session.platform(slug)) for slug in slugs):
        yield f"slo.yaml names no {_CALLED[server]} of {', '.join(slugs)}"


def _kernel(wanted: Sequence[str], nodes: Mapping[str, frozenset[str]]) -> Iterator[str]:
    for one in wanted:
        if lacking := [node for node, able in nodes.items() if not able & set(one.split("|"))]:
            yield f"{', '.join(lacking)} cannot: {one.replace('|', ' or ')}"


def _how(needs: Needs, nodes: Mapping[str, frozenset[str]], session: Session, slugs: Sequence[str]) -> str:
    if "netem|redirect" in needs.kernel:
        without = [node for node, able in nodes.items() if "netem" not in able]
        return f"by a proxy in the path: no netem on {', '.join(without)}" if without else "by netem"
    if needs.server:
        return f"on {', '.join(slug for slug in slugs if _SERVERS[needs.server](session.platform(slug)))}"
    return ""
