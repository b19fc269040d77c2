"""Drill clusters: real ones, that can be made and unmade."""

from rundrill.cluster.kind import Kind, kind_is_here
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
    """The provider of that name; without one, kind where it and a Docker engine are there, else native."""
    match name or ("kind" if kind_is_here() else "native"):
        case "kind":
            return Kind()
        case "native":
            return Native()
        case unknown:
            raise ClusterRefused(f"provider {unknown!r} is not known (native, kind)")
