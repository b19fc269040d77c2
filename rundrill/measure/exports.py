"""Exports of Kubernetes objects: the newest file, held against what lives."""

import gzip
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import yaml

from rundrill.asking import StateAnswer, answered
from rundrill.errors import NoEvidence
from rundrill.evidence import Reading, StateSeen, Value
from rundrill.listing import container_of, listed, mounted_at, present_pods
from rundrill.probe import ExportProbe
from rundrill.session import Session

type Json = dict[str, Any]
type Name = tuple[str, str, str]
"""Kind, namespace and name."""

TIMEOUT_S = 15.0
# One look: what there is, and the newest of it whole.
_LOOK = (
    'cd "$1" || exit 3; date +%s; newest=""; for f in $2; do [ -f "$f" ] || continue; stat -c "%Y %a %n" -- "$f";'
    ' if [ -z "$newest" ] || [ "$f" -nt "$newest" ]; then newest=$f; fi; done; echo "newest $newest"; echo; [ -z "$newest" ] || cat -- "$newest"'
)
# Everything that is compared is text: nothing need be told from a number or a date.
_Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


@dataclass(frozen=True)
class _Shelf:
    """Where the files are seen."""

    namespace: str
    pod: str
    container: str
    directory: str


@dataclass(frozen=True)
class _File:
    name: str
    made: datetime
    mode: str
    age_s: float
    copies: int
    content: bytes = field(repr=False)


def see_export(probe: ExportProbe, session: Session, slug: str) -> StateAnswer:
    """One reading of the newest file that matches; objects by name, ConfigMaps by their data, Secrets never by value."""
    shelf = _shelf(probe, session, session.namespace(slug, probe.namespace))
    found = _newest(session, shelf, probe.pattern)
    subject = f"{shelf.directory}/{probe.pattern}"
    if found is None:
        return StateSeen((Reading(subject, {"found": False}),)), (answered("in-pod", subject, None),)
    facts: dict[str, Value] = {
        "found": True,
        "age": found.age_s,
        "mode": found.mode,
        "copies": found.copies,
        **_content(probe, session, slug, _parsed(_unpacked(found.content)), found.made),
    }
    return StateSeen((Reading(found.name, facts),)), (answered("in-pod", f"{subject}, the newest", facts),)


def _shelf(probe: ExportProbe, session: Session, namespace: str) -> _Shelf:
    pods = [
        pod
        for pod in present_pods(session, namespace, probe.selector or "")
        if pod["status"].get("phase") == "Running"
    ]
    for pod in pods:
        seen = mounted_at(pod, probe.claim) if probe.claim else (container_of(pod, None), "")
        if seen:
            container = probe.container or seen[0]
            return _Shelf(namespace, pod["metadata"]["name"], container, probe.directory)
    raise NoEvidence(
        f"no running pod of {namespace} sees {probe.directory} of {probe.claim or probe.selector}"
    )


def _newest(session: Session, shelf: _Shelf, pattern: str) -> _File | None:
    argv = ["sh", "-c", _LOOK, "sh", shelf.directory, pattern]
    done = session.kube.exec(shelf.namespace, shelf.pod, shelf.container, argv, timeout=TIMEOUT_S)
    if done.code:
        said = done.stderr.decode(errors="replace").strip()[:200]
        raise NoEvidence(f"{shelf.pod} does not show {shelf.directory}: {said or done.code}")
    listing, _, content = done.stdout.partition(b"\n\n")
    now, *lines, newest = listing.decode().splitlines()
    files = {name: (stamp, mode) for stamp, mode, name in (line.split(" ", 2) for line in lines)}
    name = newest.removeprefix("newest ")
    if name not in files:
        return None
    stamp, mode = files[name]
    made = datetime.fromtimestamp(int(stamp), UTC)
    return _File(name, made, mode, float(int(now) - int(stamp)), len(files), content)


def _unpacked(content: bytes) -> bytes:
    try:
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (OSError, EOFError):
        return b""


def _parsed(content: bytes) -> list[Json] | None:
    """Every object of the file, lists unfolded; None where it cannot be read as such."""
    try:
        text = content.decode()
        said = [json.loads(text)] if text.lstrip().startswith("{") else list(yaml.load_all(text, _Loader))
    except (ValueError, yaml.YAMLError):
        return None
    documents = [one for one in said if one]
    if not documents or not all(isinstance(one, dict) and "kind" in one for one in documents):
        return None
    return [item for one in documents for item in (one.get("items") if "items" in one else [one]) or ()]


def _content(
    probe: ExportProbe, session: Session, slug: str, exported: list[Json] | None, made: datetime
) -> dict[str, Value]:
    if exported is None:
        return {"parses": False}
    there = {_name(one): one for one in exported}
    kinds = (*probe.kinds, *(("v1/Secret",) if probe.secrets and "v1/Secret" not in probe.kinds else ()))
    spaces = [session.namespace(slug, name) for name in probe.namespaces]
    live = [
        one
        for api in kinds
        for one in _live(session, api, spaces)
        if datetime.fromisoformat(one["metadata"]["creationTimestamp"]) < made
    ]
    missing = [_name(one) for one in live if _name(one) not in there]
    maps = [one for one in live if one["kind"] == "ConfigMap" and _name(one) in there]
    facts: dict[str, Value] = {
        "parses": True,
        "objects": len(exported),
        "missing_kinds": ", ".join(sorted({kind for kind, _, _ in missing})),
        "missing": ", ".join("/".join(part for part in name if part) for name in missing[:10]),
    }
    if maps:
        facts["equal"] = all((there[_name(one)].get("data") or {}) == (one.get("data") or {}) for one in maps)
    return facts


def _live(session: Session, api: str, namespaces: list[str]) -> list[Json]:
    """The live objects of a kind: those of the namespaces, or all of one that is cluster-wide."""
    if api == "v1/Namespace":
        return [one for one in listed(session, api, None) if one["metadata"]["name"] in namespaces]
    if api in _CLUSTER_WIDE:
        return listed(session, api, None)
    return [one for namespace in namespaces for one in listed(session, api, namespace)]


_CLUSTER_WIDE = frozenset(
    {
        "v1/PersistentVolume",
        "rbac.authorization.k8s.io/v1/ClusterRole",
        "rbac.authorization.k8s.io/v1/ClusterRoleBinding",
        "apiextensions.k8s.io/v1/CustomResourceDefinition",
        "storage.k8s.io/v1/StorageClass",
    }
)


def _name(one: Json) -> Name:
    metadata = one.get("metadata") or {}
    return str(one.get("kind")), str(metadata.get("namespace") or ""), str(metadata.get("name"))
