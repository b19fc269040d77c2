"""PersistentVolumeClaims: bound, and how full."""

from collections.abc import Iterator
from typing import Any

from rundrill.asking import StateAnswer, answered
from rundrill.errors import TargetError
from rundrill.evidence import Reading, StateSeen, Value
from rundrill.listing import listed, mounted_at, present_pods
from rundrill.probe import ClaimsProbe
from rundrill.session import Session

type Json = dict[str, Any]

_ROOM = "df -PB1 \"$1\" | tail -1 | awk '{print $3, $2}'; df -Pi \"$1\" | tail -1 | awk '{print $3, $2}'"


def see_claims(probe: ClaimsProbe, session: Session, slug: str) -> StateAnswer:
    """A reading of each claim; how full it is only where the kubelet or a pod that mounts it can tell."""
    namespace = session.namespace(slug, probe.namespace)
    found = {one["metadata"]["name"]: one for one in listed(session, "v1/PersistentVolumeClaim", namespace)}
    names = probe.names or tuple(found)
    readings = []
    for name in names:
        facts: dict[str, Value] = {"found": False}
        if name in found:
            phase = found[name].get("status", {}).get("phase")
            facts = {"found": True, "phase": phase, "bound": phase == "Bound"}
            facts |= _fullness(session, namespace, name)
        readings.append(Reading(f"{namespace}/{name}", facts))
    raw = answered("kubernetes", f"claims of {namespace}", [dict(one.facts) for one in readings])
    return StateSeen(tuple(readings)), (raw,)


def _fullness(session: Session, namespace: str, claim: str) -> dict[str, Value]:
    """Shares of bytes and inodes in use: by the kubelet's statistics, else by `df` in a pod that mounts it."""
    volumes = session.cached(("list", "volumes"), lambda: dict(_volumes(session)))
    told = volumes.get((namespace, claim)) or _by_df(session, namespace, claim)
    return {name: round(used / whole, 4) for name, (used, whole) in told.items() if whole}


type Room = dict[str, tuple[float, float]]


def _volumes(session: Session) -> Iterator[tuple[tuple[str, str], Room]]:
    for node in listed(session, "v1/Node", None):
        path = f"/api/v1/nodes/{node['metadata']['name']}/proxy/stats/summary"
        try:
            pods = session.kube.get(path).get("pods") or ()
        except TargetError:
            continue
        for volume in (each for pod in pods for each in pod.get("volume") or ()):
            if (claim := volume.get("pvcRef")) and volume.get("capacityBytes"):
                room = {"used": (float(volume.get("usedBytes", 0)), float(volume["capacityBytes"]))}
                if volume.get("inodes"):
                    room["inodes"] = (float(volume.get("inodesUsed", 0)), float(volume["inodes"]))
                yield (claim["namespace"], claim["name"]), room


def _by_df(session: Session, namespace: str, claim: str) -> Room:
    for pod in present_pods(session, namespace, ""):
        place = mounted_at(pod, claim)
        if place and pod["status"].get("phase") == "Running":
            container, path = place
            asked = ["sh", "-c", _ROOM, "sh", path]
            done = session.kube.exec(namespace, pod["metadata"]["name"], container, asked, timeout=10)
            lines = [line.split() for line in done.text.splitlines()]
            if done.code == 0 and len(lines) == 2 and all(len(line) == 2 for line in lines):
                return {
                    name: (float(used), float(whole))
                    for name, (used, whole) in zip(("used", "inodes"), lines, strict=True)
                    if used.isdigit() and whole.isdigit()
                }
    return {}
