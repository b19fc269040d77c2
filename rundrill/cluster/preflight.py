"""Whether this machine can carry the cluster, and whether something is in its way."""

import ipaddress
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from rundrill.cluster import addresses as at
from rundrill.cluster import cgroups
from rundrill.cluster.network import link_mark, mark
from rundrill.cluster.places import Places
from rundrill.cluster.processes import ENVIRONMENT, find_firsts
from rundrill.cluster.provider import ClusterRefused

LEAST_FREE = 12 * 2**30
SHADOWED = ("/run", "/var/lib", "/var/log", "/proc", "/sys", "/dev")


def check_machine(places: Places) -> None:
    """Refuses where a cluster of ours cannot run on this machine, whatever else runs on it."""
    if os.geteuid() != 0:
        raise ClusterRefused(
            "the native cluster makes namespaces and cgroups: run as root, or use --context NAME"
        )
    if any(places.home.is_relative_to(path) for path in SHADOWED):
        raise ClusterRefused(
            f"RUNDRILL_HOME={places.home}: nodes have their own {', '.join(SHADOWED)}; choose another"
        )
    places.home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(places.home).free
    if free < LEAST_FREE:
        raise ClusterRefused(
            f"{places.home}: {free / 2**30:.1f} GiB free, {LEAST_FREE / 2**30:.0f} GiB needed;"
            " free some, or set RUNDRILL_HOME to a larger disk"
        )
    if lacking := missing_features():
        raise ClusterRefused(
            f"this kernel lacks: {', '.join(lacking)}; use another machine, or --context NAME"
        )


def missing_features() -> list[str]:
    """What the kernel does not offer, of what a node needs."""
    lacking = [f"the {kind} namespace" for kind in ("mnt", "uts", "ipc", "net", "pid")
               if not Path(f"/proc/self/ns/{kind}").exists()]  # fmt: skip
    if "overlay" not in Path("/proc/filesystems").read_text() and not _loaded("overlay"):
        lacking.append("overlayfs")
    # Built in or loaded, the directory is there; services on one's own node need it.
    bridge = Path("/proc/sys/net/bridge")
    if not bridge.exists() and not (_loaded("br_netfilter") and bridge.exists()):
        lacking.append("br_netfilter")
    return lacking + [f"the cgroup controller {name}" for name in cgroups.missing_controllers()]


def _loaded(module: str) -> bool:
    """Whether the kernel could load that module; a container may lack modprobe altogether."""
    if shutil.which("modprobe", path=ENVIRONMENT["PATH"]) is None:
        return False
    return subprocess.run(["modprobe", module], capture_output=True, env=ENVIRONMENT).returncode == 0


def check_way(places: Places) -> None:
    """Refuses where something that is not ours has our addresses or our names."""
    firsts = find_firsts()
    for (_, home), first in firsts.items():
        if home != places.home:
            raise ClusterRefused(
                f"another drill cluster runs here, of RUNDRILL_HOME={home} (process {first.pid}):"
                " use that one, or end it (rundrill down with the same RUNDRILL_HOME)"
            )
    if Path(f"/sys/class/net/{at.HOST_LINK}").exists() and link_mark() != mark(places):
        raise ClusterRefused(
            f"there is a network link {at.HOST_LINK} that this cluster did not make:"
            f" find out whose it is, and remove it (ip link delete {at.HOST_LINK})"
        )
    for device, network in _addresses_and_routes():
        if device != at.HOST_LINK:
            raise ClusterRefused(
                f"{device} has {network}, which overlaps the cluster's {at.ALL}:"
                " take it away (ip address delete, ip route delete), or use another machine"
            )


def _addresses_and_routes() -> list[tuple[str, str]]:
    """Every address and route of the machine inside the cluster's range: the device and what it has."""
    ours = ipaddress.ip_network(at.ALL)
    found = [(link["ifname"], address["local"]) for link in _ip("address", "show")
             for address in link.get("addr_info", []) if ipaddress.ip_address(address["local"]) in ours]  # fmt: skip
    for route in _ip("route", "show", "table", "all"):
        leads_nowhere = route.get("type") in ("unreachable", "blackhole", "prohibit", "throw")
        if route["dst"] == "default" or leads_nowhere:
            continue
        if ipaddress.ip_network(route["dst"], strict=False).overlaps(ours):
            found.append((route.get("dev", "a route"), route["dst"]))
    return found


def _ip(*words: str) -> list[dict[str, Any]]:
    if shutil.which("ip", path=ENVIRONMENT["PATH"]) is None:
        return []  # `up` installs it and looks again
    command = ["ip", "-json", "-4", *words]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRONMENT).stdout
    found: list[dict[str, Any]] = json.loads(said or "[]")
    return found
