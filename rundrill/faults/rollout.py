"""How far a Deployment has got: the questions that `kubectl rollout status` asks, and one more: is every pod new?"""

from dataclasses import dataclass

from rundrill.gateway.kubernetes import Json
from rundrill.session import Session


@dataclass(frozen=True)
class Rollout:
    """A Deployment and the pods it has now, by uid."""

    name: str
    wanted: int
    observed: bool
    updated: int
    available: int
    total: int
    uids: frozenset[str]

    @property
    def complete(self) -> bool:
        """Whether the controller has seen the newest template and every replica is of it and available."""
        return self.observed and self.updated == self.available == self.total == self.wanted


def rollout(session: Session, namespace: str, workload: str) -> Rollout:
    """How far it has got by now."""
    deployment = session.kube.one("apps/v1/Deployment", namespace, workload)
    status = deployment.get("status") or {}
    return Rollout(
        name=f"{namespace}/{workload}",
        wanted=int(deployment["spec"].get("replicas", 1)),
        observed=status.get("observedGeneration", 0) >= deployment["metadata"]["generation"],
        updated=status.get("updatedReplicas", 0),
        available=status.get("availableReplicas", 0),
        total=status.get("replicas", 0),
        uids=frozenset(pod["metadata"]["uid"] for pod in pods(session, namespace, deployment)),
    )


def pods(session: Session, namespace: str, workload: Json) -> list[Json]:
    """The pods that a Deployment's selector picks, by name."""
    wanted = workload["spec"]["selector"]["matchLabels"]
    selector = ",".join(f"{name}={value}" for name, value in sorted(wanted.items()))
    return sorted(
        session.kube.items("v1/Pod", namespace, selector), key=lambda pod: str(pod["metadata"]["name"])
    )
