"""What a service says of its own connection pool, pod by pod."""

import json
from dataclasses import dataclass

from rundrill.errors import TargetError
from rundrill.gateway.kubernetes import Kube

METRICS = "/actuator/metrics"


@dataclass(frozen=True)
class Pool:
    """One pod's pool: connections in use, and how many there may be."""

    pod: str
    active: float
    most: float


def fullest_pool(kube: Kube, namespace: str, workload: str) -> Pool | None:
    """The pool with the largest share in use; None where no pod tells."""
    pods = kube.items("v1/Pod", namespace, f"app={workload}")
    told = [pool for pod in pods if (pool := _pool(kube, namespace, pod["metadata"]["name"]))]
    return max(told, key=lambda pool: pool.active / pool.most, default=None)


def _pool(kube: Kube, namespace: str, pod: str) -> Pool | None:
    active, most = (
        _metric(kube, namespace, pod, f"hikaricp.connections.{name}") for name in ("active", "max")
    )
    return Pool(pod, active, most) if active is not None and most else None


def _metric(kube: Kube, namespace: str, pod: str, name: str) -> float | None:
    try:
        status, body = kube.pod_get(namespace, pod, 8080, f"{METRICS}/{name}")
        return float(json.loads(body)["measurements"][0]["value"]) if status == 200 else None
    except (TargetError, ValueError, KeyError, IndexError):
        return None
