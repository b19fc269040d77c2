"""What every provider of a drill cluster can do."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rundrill.errors import TargetError

type Progress = Callable[[str], None]


class ClusterRefused(TargetError):
    """The cluster was not touched: the message says what is in the way and what to do about it."""


class ClusterBroken(TargetError):
    """The cluster did not become ready; the message names the part and where its log is."""


@dataclass(frozen=True)
class NodeStatus:
    """One node: whether Kubernetes calls it Ready, and the process id on the machine of each of its daemons."""

    name: str
    ready: bool
    daemons: dict[str, int | None]


@dataclass(frozen=True)
class ClusterStatus:
    """The cluster as seen now; `running` holds only where every part of it is in order."""

    running: bool
    nodes: tuple[NodeStatus, ...]
    parts: dict[str, str]

    def __str__(self) -> str:
        lines = ["the cluster is up" if self.running else "the cluster is not in order"]
        lines += [f"  {part:24} {state}" for part, state in self.parts.items()]
        return "\n".join(lines)


class Provider(Protocol):
    """A drill cluster that can be made and unmade."""

    name: str
    keeps_layers: bool
    """Whether an archive may leave out the layers of images that are there already."""

    def preflight(self) -> None:
        """Refuses (ClusterRefused) where this machine cannot carry the cluster, or something is in its way."""

    def up(self, say: Progress) -> None:
        """Makes or heals the cluster; comes back when nodes, DNS, metrics and storage are ready."""

    def down(self, say: Progress) -> None:
        """Removes the cluster and everything it left on the machine, but for the caches."""

    def status(self) -> ClusterStatus:
        """The state of every part, in less than a second, without changing any."""
        ...

    def kubeconfig(self) -> Path:
        """A kubeconfig of our own whose context is called `rundrill`."""
        ...

    def kubectl(self) -> Path:
        """A kubectl of the cluster's version."""
        ...

    def load_images(self, archives: Sequence[Path], say: Progress) -> None:
        """Puts image archives (docker or OCI) on every node, but for those already there."""

    def forget_images(self, repositories: tuple[str, ...], kept: Collection[str], say: Progress) -> None:
        """Removes images of these repositories that nobody uses, but for those kept."""

    def missing_images(self, refs: Collection[str]) -> set[str]:
        """Those of these images that some node does not have."""
        ...
