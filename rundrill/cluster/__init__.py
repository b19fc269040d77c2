"""Drill clusters: real ones, that can be made and unmade."""

from rundrill.cluster.kind import Kind, docker_answers
from rundrill.cluster.native import Native
from rundrill.cluster.provider import (
    ClusterBroken,
    ClusterRefused,
    ClusterStatus,
    NodeStatus,
    Progress,
    Provider,
)

__all__ = [
    "ClusterBroken",
    "ClusterRefused",
    "ClusterStatus",
    "NodeStatus",
    "Progress",
    "Provider",
    "open_provider",
]


def open_provider(name: str | None = None) -> Provider:
    """The provider of that name; without one, kind where a Docker engine answers, else native."""
    match name or ("kind" if docker_answers() else "native"):
        case "kind":
            return Kind()
        case "native":
            return Native()
        case unknown:
            raise ClusterRefused(f"provider {unknown!r} is not known (native, kind)")
