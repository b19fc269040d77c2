"""What the kill table looks at: of each thing that a fault touches on the ground, how it stands now."""

from collections.abc import Callable

from kill_ground import NAME, PORT, SLUG, Ground

from rundrill.faults import audit, connections, node, rotate
from rundrill.faults.rollout import pods, rollout
from rundrill.faults.selected import is_ready
from rundrill.gateway.kubernetes import Json, NotFound
from rundrill.ledger import NAMESPACE

LOCKED = (
    "SELECT count(*) AS n FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'orders'::regclass"
)
HELD = f"SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = '{connections.NAME}'"
MAY = "SELECT has_table_privilege('app', 'orders', 'SELECT') AS may"
COUNT = "SELECT count(*) AS n FROM orders"


def is_whole(here: Ground) -> object:
    """Replicas and image as the Deployment wants them, and whether it has them."""
    there = here.session.kube.one("apps/v1/Deployment", here.space, NAME)["spec"]
    now = rollout(here.session, here.space, NAME)
    return there["replicas"], there["template"]["spec"]["containers"][0]["image"], now.complete, len(now.uids)


def answers(here: Ground) -> object:
    """The status that each pod of the small service answers with."""
    ask = f"curl -s -o /dev/null -w '%{{http_code}}' --max-time 3 http://127.0.0.1:{PORT}/ || true"
    return here.in_pods("sh", "-c", ask)


def files(here: Ground) -> object:
    """What lies in each pod of the small service."""
    return here.in_pods("sh", "-c", "ls /tmp")


def settings(here: Ground) -> object:
    """The words of the ConfigMap."""
    return here.session.kube.one("v1/ConfigMap", here.space, "settings")["data"]


def sql(query: str) -> Callable[[Ground], object]:
    """What the database answers."""
    return lambda here: here.session.postgres(SLUG).rows(query)


def memory(here: Ground) -> object:
    """The bounds of the Redis."""
    return [here.session.redis(SLUG).ask("CONFIG", "GET", name) for name in ("maxmemory", "maxmemory-policy")]


def nodes(here: Ground) -> object:
    """Which nodes take no pods, which are ready, who holds one, and the small service."""
    there = here.session.kube.items("v1/Node")
    cordoned = [bool(one["spec"].get("unschedulable")) for one in there]
    held = here.session.kube.items("v1/Pod", NAMESPACE, node.LABEL)
    return cordoned, [is_ready(one) for one in there], len(held), is_whole(here)


def errands(here: Ground) -> object:
    """The pods that were sent."""
    return _names(here.session.kube.items("v1/Pod", here.space, "rundrill.dev/errand"))


def joined(here: Ground) -> object:
    """How many debugging containers are in the small service, which is whole."""
    owner = here.session.kube.one("apps/v1/Deployment", here.space, NAME)
    there = pods(here.session, here.space, owner)
    return sum(len(pod["spec"].get("ephemeralContainers") or ()) for pod in there), is_whole(here)


def clones(here: Ground) -> object:
    """The namespaces that are clones of this one."""
    return _names(here.session.kube.items("v1/Namespace", None, f"rundrill.dev/clone-of={here.space}"))


def survivors(here: Ground) -> object:
    """What the pods that nobody put out are of."""
    there = here.session.kube.items("v1/Pod", here.space)
    running = [pod for pod in there if pod["status"].get("phase") == "Running"]
    return sorted(str(pod["metadata"]["labels"]["app"]) for pod in running)


def reader(here: Ground) -> object:
    """Whether somebody reads the audit records."""
    try:
        return bool(here.session.kube.one("v1/Pod", NAMESPACE, audit.READER))
    except NotFound:
        return False


def told(here: Ground) -> object:
    """How the service outside behaves."""
    return here.in_pods("curl", "-s", "--max-time", "3", "http://127.0.0.1:8080/behaviour", of="standin")


def values(here: Ground) -> object:
    """The Secret's values and marks, the copies of former values, the rights that are lent; and the small service."""
    kube = here.session.kube
    secret = kube.one("v1/Secret", here.space, "access")
    former = kube.items("v1/Secret", NAMESPACE, "rundrill.dev/former")
    return (
        secret["data"],
        secret["metadata"].get("annotations"),
        [one for one in map(_new_keys, former) if one == "new"],
        lent(here),
        is_whole(here),
    )


def address(here: Ground) -> object:
    """The value that the cluster has of the secret manager's secret, and the rights that are lent."""
    return here.session.kube.secret(here.space, "address", "URL"), lent(here)


def lent(here: Ground) -> list[str]:
    """The undoer's rights in this namespace."""
    bindings = here.session.kube.items("rbac.authorization.k8s.io/v1/RoleBinding", here.space)
    return [name for name in _names(bindings) if name.startswith(("rotate-", "secret-version-"))]


def _new_keys(kept: Json) -> str:
    """By these a copy of ours is told from those of other drills."""
    return str(kept["metadata"]["annotations"][rotate.NEW])


def _names(objects: list[Json]) -> list[str]:
    return sorted(str(one["metadata"]["name"]) for one in objects)
