"""A volume is full: by a file of ours on it, or by a small full file system that stands in its place.

A file fills what is bounded by itself (memory-backed volumes, real claims). Where a volume is a directory of the node's own disk, a
file would fill the node: then `size` bounds the file, or `stand_in` lays a full tmpfs over the volume, for the container and for
the kubelet that measures it. What lay there is hidden until the undo, and files that are open stay as they are.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence, TargetError
from rundrill.faults import inside, selected
from rundrill.faults.grip import Scripts
from rundrill.faults.hand import take_hold
from rundrill.faults.selected import heard, pick
from rundrill.gateway.kubernetes import Json
from rundrill.session import Session
from rundrill.units import size as parsed_size
from rundrill.waiting import until

BITES_WITHIN = timedelta(seconds=30)
LARGEST = 2 * 2**30
"""What one file of ours may take; a fault must not fill the disk of a node that others live on."""
FULL = 0.97
_PAGE = 4096
"""What a tmpfs takes at once: what is written to it, and what df must show, are whole ones."""
_FILE = "rundrill-fills-this"
# The container that runs now, and whoever on the node sees what the kubelet sees.
_INSIDE = """
theirs_now() {{ for pid in $(theirs); do ! grep -qs " {path} " "/proc/$pid/mountinfo" || echo "$pid"; done; }}
over() {{ python3 -m rundrill.faults.tmpfs_over "$@"; }}
"""
_MOUNT = (
    _INSIDE
    + """
inside=$(for pid in $(theirs_now); do ! grep -qs "$CONTAINER" "/proc/$pid/cgroup" || echo "$pid"; done | head -1)
[ -n "$inside" ] || {{ echo "no process of the container has {path}" >&2; exit 7; }}
over lay "$inside" {path} {bytes} {fill}
for at in /proc/1/root/var/lib/kubelet/pods/$POD/volumes/*/{volume}; do
    [ ! -d "$at" ] || over lay 1 "${{at#/proc/1/root}}" {bytes} {fill}
done
"""
)
# A container that was started meanwhile has nothing but ours there: it begins anew on what is there without it.
_UNMOUNT = (
    _INSIDE
    + """
for at in /proc/1/root/var/lib/kubelet/pods/$POD/volumes/*/{volume}; do
    [ ! -d "$at" ] || over lift 1 "${{at#/proc/1/root}}"
done
for pid in $(theirs_now); do
    grep -qs ' rundrill-full ' "/proc/$pid/mountinfo" || continue
    over lift "$pid" {path}
    grep -qs "$CONTAINER" "/proc/$pid/cgroup" || kill -KILL "$pid"
done
if grep -qs ' rundrill-full ' $(theirs | sed 's|.*|/proc/&/mountinfo|'); then echo "it is still there" >&2; exit 8; fi
"""
)
_PATH = re.compile(r"/[A-Za-z0-9._/-]+")


def preview(session: Session, namespace: str, selector: str, count: int | None) -> guard.Preview:
    """The first running pods by name, as many as are asked for; all of them where nothing is said."""
    return selected.preview("fill", session, namespace, selector, count)


def fill(
    namespace: str,
    selector: str,
    path: str,
    configuration: Mapping[str, Any],
    size: str | None = None,
    container: str | None = None,
    count: int | None = 1,
) -> str:
    """What df inside the container showed: the volume full, or as much more in use as was asked for."""
    session, at = child.session(), _checked(path)
    picked = pick(session, configuration, "fill", (namespace, selector), count)
    before = {_name(pod): _df(session, pod, container, at) for pod in picked.pods}
    wanted = parsed_size(size) if size else None
    for name, (_, free) in before.items():
        if (wanted or free) > min(free, LARGEST):
            raise TargetError(
                f"{name}: {at} has {free >> 20} MiB free; at most {LARGEST >> 20} MiB are filled:"
                " say a size, or use volume.stand_in"
            )
    # Without a size, that it does not all fit is the point.
    begin = (
        f"head -c {wanted or LARGEST + 1} /dev/zero > {at}/{_FILE}{'' if wanted else ' 2>/dev/null || true'}"
    )
    end = f"rm -f {at}/{_FILE} && ! test -e {at}/{_FILE}"
    inside.begin_in(session, picked, begin, end, container)
    least = {name: used + (wanted or 0) for name, (used, _) in before.items()}
    full = partial(_is_full, session, container, at)
    proofs = [
        until(partial(full, pod, least[_name(pod)] if wanted else None), BITES_WITHIN) for pod in picked.pods
    ]
    return _proven(proofs, picked.names)


def stand_in(
    namespace: str,
    selector: str,
    path: str,
    configuration: Mapping[str, Any],
    size: str = "16Mi",
    share: int = 100,
    container: str | None = None,
    count: int | None = 1,
) -> str:
    """What df inside the container showed: a file system of that size in place of the volume, full to that share (percent)."""
    session, at, room = child.session(), _checked(path), parsed_size(size)
    if not configuration.get("may_hide_the_volume"):
        raise TargetError(
            "what lies on the volume is hidden meanwhile: the experiment must say may_hide_the_volume: true"
        )
    picked = pick(session, configuration, "fill", (namespace, selector), count)
    volumes = {_volume(session, pod, container, at) for pod in picked.pods}
    if len(volumes) != 1:
        raise TargetError(f"{picked.names}: {at} is not the same volume in all of them")
    volume = volumes.pop()
    begin = _MOUNT.format(volume=volume, path=at, bytes=room, fill=_filled(room, share))
    end = _UNMOUNT.format(volume=volume, path=at)
    take_hold(session, picked, Scripts(begin, end, container), f"{size} over {at}")
    proofs = [
        until(partial(_is_full, session, container, at, pod, _filled(room, min(share, 97))), BITES_WITHIN)
        for pod in picked.pods
    ]
    return _proven(proofs, picked.names)


def _filled(room: int, share: int) -> int:
    """Bytes in use once a file system of that size is full to that share (percent), in whole pages."""
    return room * min(share, 100) // 100 // _PAGE * _PAGE


def _proven(proofs: list[str | None], names: str) -> str:
    if not all(proofs):
        raise NoEvidence(f"{names}: the volume is not full within {BITES_WITHIN}")
    said = "; ".join(str(proof) for proof in proofs)
    hops.note(child.directory(), "fault_proven", datetime.now(UTC), "df", said)
    return said


def _is_full(session: Session, container: str | None, path: str, pod: Json, least: int | None) -> str | None:
    """What df says, where it is full (or, with a number, where that many bytes are in use)."""
    used, free = _df(session, pod, container, path)
    if used < (FULL * (used + free) if least is None else least):
        return None
    return f"{_name(pod)}: {path} has {used >> 20} MiB in use and {free >> 20} MiB free"


def _df(session: Session, pod: Json, container: str | None, path: str) -> tuple[int, int]:
    """Bytes in use and free on the file system of a path, as the container sees it."""
    code, said = heard(session, pod, container, f"df -P -k {path} | tail -1")
    words = said.split()
    if code or len(words) < 6:
        raise NoEvidence(f"{_name(pod)}: df {path} says {said[-200:]!r}")
    return int(words[2]) * 1024, int(words[3]) * 1024


def _volume(session: Session, pod: Json, container: str | None, path: str) -> str:
    """The directory's name under which the kubelet keeps the volume that is mounted at a path."""
    spec = pod["spec"]
    mounts = next(c for c in spec["containers"] if container in (None, c["name"])).get("volumeMounts") or []
    name = next((one["name"] for one in mounts if one["mountPath"].rstrip("/") == path), None)
    volume = next((one for one in spec.get("volumes") or [] if one["name"] == name), None)
    if volume is None:
        raise TargetError(f"{_name(pod)}: no volume is mounted at {path}")
    if claim := (volume.get("persistentVolumeClaim") or {}).get("claimName"):
        bound = session.kube.one("v1/PersistentVolumeClaim", pod["metadata"]["namespace"], claim)
        return str(bound["spec"]["volumeName"])
    return str(name)


def _checked(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise TargetError(f"path {path!r} is none that a shell takes as it stands")
    return path.rstrip("/")


def _name(pod: Json) -> str:
    return str(pod["metadata"]["name"])
