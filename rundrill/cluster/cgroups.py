"""The control groups of our nodes, on cgroup v1 and v2: `/rundrill/<node>` for pods, `/rundrill/daemons` beside them."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path("/sys/fs/cgroup")
OURS: Final = "rundrill"
WEIGHT: Final = {"cpu.shares": "8192", "cpu.weight": "800"}
"""Eight times what a group has by itself, on v1 and v2. All pods are in one group, and it competes with every process
outside it, one by one: with fifteen of them at work, a hundred pods would share a sixteenth of the machine."""
DAEMONS: Final = "daemons"
BEFORE_PODS: Final = {"cpu.shares": "8192", "cpu.weight": "800"}
"""The daemons' share against that of one node's pods, which has the usual 1024 or 100: they need little, but at once.
An API server that waits behind sixty starting pods answers nobody, and nodes that cannot renew their lease are lost."""
JOINED: Final = ("cpu", "cpuacct", "memory")
"""The hierarchies of v1 in which daemons have a group: a kubelet wants to be in one place in all three."""
NEEDED: Final = ("cpu", "cpuset", "memory", "pids")


def is_v2() -> bool:
    """Whether the machine has the unified hierarchy only."""
    return (ROOT / "cgroup.controllers").exists()


def hierarchies() -> list[Path]:
    """The mount point of every hierarchy that may hold our groups."""
    if is_v2():
        return [ROOT]
    found = {entry.resolve() for entry in ROOT.iterdir() if entry.is_dir()}
    return sorted(path for path in found if (path / "cgroup.procs").exists())


def missing_controllers() -> list[str]:
    """The controllers that a kubelet needs and this kernel does not offer."""
    there = (
        (ROOT / "cgroup.controllers").read_text().split()
        if is_v2()
        else [path.name for path in ROOT.iterdir()]
    )
    return [name for name in NEEDED if name not in there]


def make_group(node: str) -> str:
    """Makes the node's group in every hierarchy; gives its path as the kubelet wants it."""
    for hierarchy in hierarchies():
        parent = hierarchy
        for name in (OURS, node):
            group = parent / name
            group.mkdir(exist_ok=True)
            if is_v2():
                _hand_down(parent)
            for setting in ("cpuset.cpus", "cpuset.mems"):
                # On v1 a cpuset without processors takes no process.
                if not is_v2() and (group / setting).exists():
                    (group / setting).write_text((parent / setting).read_text())
            parent = group
        _weigh(hierarchy / OURS, WEIGHT)
    return f"/{OURS}/{node}"


def make_daemons_group() -> list[Path]:
    """Makes the group that the daemons of all nodes share; gives the files that take whoever is to be in it."""
    homes = [ROOT] if is_v2() else [ROOT / name for name in JOINED]
    groups = [home / OURS / DAEMONS for home in homes]
    for group in groups:
        group.mkdir(parents=True, exist_ok=True)
        _weigh(group, BEFORE_PODS)
    return [group / "cgroup.procs" for group in groups]


def _weigh(group: Path, weights: Mapping[str, str]) -> None:
    for setting, weight in weights.items():
        if (group / setting).exists():
            (group / setting).write_text(weight)


def _hand_down(parent: Path) -> None:
    """Lets the children of a group have its controllers; one that we do not need may refuse."""
    for controller in (parent / "cgroup.controllers").read_text().split():
        try:
            (parent / "cgroup.subtree_control").write_text(f"+{controller}")
        except OSError:
            if controller in NEEDED:
                raise


def remove_groups(timeout_s: float = 10) -> list[Path]:
    """Removes all our groups; gives those that would not go."""
    deadline = time.monotonic() + timeout_s
    while left := [group for hierarchy in hierarchies() for group in _deepest_first(hierarchy / OURS)]:
        for group in left:
            try:
                group.rmdir()
            except OSError:
                continue  # a process in it has not quite gone: look again
        if time.monotonic() > deadline:
            return [group for group in left if group.exists()]
        time.sleep(0.02)
    return []


def _deepest_first(top: Path) -> list[Path]:
    if not top.exists():
        return []
    return [Path(directory) for directory, _, _ in os.walk(top, topdown=False)]
