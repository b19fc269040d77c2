"""A namespace is built anew from its newest export, under another name: what was exported must be enough to rise from."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import yaml

from rundrill import child, guard
from rundrill.errors import NoEvidence, TargetError, UndoError
from rundrill.faults.begin import began, place
from rundrill.faults.rollout import rollout
from rundrill.faults.selected import running
from rundrill.gateway.kubernetes import Conflict, Json, NotFound
from rundrill.session import Session
from rundrill.units import duration
from rundrill.waiting import until

GONE_WITHIN = timedelta(minutes=3)
TIMEOUT_S = 20.0
LABEL = "rundrill.dev/clone-of"
_NEWEST = 'newest=$(ls -1t -- "$1"/$2 | head -n 1) && echo "# $newest" && cat -- "$newest"'
_MADE_BY_THE_CLUSTER = {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")}
_LAST = ("Deployment", "StatefulSet")
"""Pods want to find their configuration there."""


def preview(session: Session, space: str, into: str) -> guard.Preview:
    """What is cloned; the clone is not there yet, so that the consent is that of its original."""
    pods = tuple(str(pod["metadata"]["name"]) for pod in running(session, space, "")) or (space,)
    return guard.Preview("clone", space, f"read for {into}", pods, len(pods), at_once=False)


def rebuild(
    of: str,
    into: str,
    export: Mapping[str, str],
    kinds: Sequence[str],
    configuration: Mapping[str, Any],
    within: str = "4m",
) -> str:
    """What rose from the export: every object of these kinds in the new namespace, every Deployment complete.

    `export` says where it lies: namespace, selector, directory, pattern, as a running pod sees it, or the script that prints it there.
    No value of it reaches evidence.
    """
    session, space = place(configuration, of)
    guard.allow(session, preview(session, space, into), configuration)
    if _there(session, into) is not None:
        raise TargetError(f"namespace {into} is there already")
    name, items = _exported(session, configuration, export)
    chosen = [item for item in items if _wanted(item, space, kinds)]
    if not chosen:
        raise NoEvidence(f"{name} holds no object of {space} of these kinds: {', '.join(kinds)}")
    with child.injecting("clone", {"namespace": into}):
        began(f"namespace {into} rises from {name}", "kubernetes", procedure=True)
        _make_namespace(session, into, space)
        for item in sorted(chosen, key=lambda one: one["kind"] in _LAST):
            _make(session, into, item)
    deployments = [str(one["metadata"]["name"]) for one in chosen if one["kind"] == "Deployment"]
    if not until(lambda: all(rollout(session, into, one).complete for one in deployments), duration(within)):
        states = [rollout(session, into, one) for one in deployments]
        raise NoEvidence(
            "; ".join(f"{one.name}: {one.available} of {one.wanted} after {within}" for one in states)
        )
    return f"{len(chosen)} objects of {name} made, {len(deployments)} Deployments complete"


def undo(session: Session, undo: Mapping[str, Any]) -> str:
    """What shows that the clone is gone, with everything in it; a namespace that is no clone of ours is never deleted."""
    into = str(undo["namespace"])
    there = _there(session, into)
    if there is None:
        return f"namespace {into} is gone"
    if LABEL not in (there["metadata"].get("labels") or {}):
        raise UndoError(f"namespace {into} is no clone of ours")
    if "deletionTimestamp" not in there["metadata"]:
        session.kube.delete("v1/Namespace", None, into)
    if not until(lambda: _there(session, into) is None, GONE_WITHIN):
        raise UndoError(f"namespace {into} does not go")
    return f"namespace {into} is gone"


def _exported(
    session: Session, configuration: Mapping[str, Any], export: Mapping[str, str]
) -> tuple[str, list[Json]]:
    where = place(configuration, export["namespace"])[1]
    pods = running(session, where, export["selector"])
    if not pods:
        raise NoEvidence(f"no running pod of {where} sees {export['directory']}")
    argv = _reading(export)
    done = session.kube.exec(where, pods[0]["metadata"]["name"], None, argv, timeout=TIMEOUT_S)
    if done.code:
        raise NoEvidence(f"{pods[0]['metadata']['name']}: the export cannot be read")
    first, _, text = done.text.partition("\n")
    document = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return first.removeprefix("# ").rpartition("/")[2], list(document["items"])


def _reading(export: Mapping[str, str]) -> list[str]:
    """What prints the export: a comment with its name, then the List; a `script` where it is no plain file."""
    if "script" in export:
        return ["sh", "-c", export["script"]]
    return ["sh", "-c", _NEWEST, "sh", export["directory"], export["pattern"]]


def _wanted(item: Json, space: str, kinds: Sequence[str]) -> bool:
    metadata = item["metadata"]
    own = (item["kind"], metadata["name"]) not in _MADE_BY_THE_CLUSTER
    return own and metadata.get("namespace") == space and item["kind"] in kinds


def _make_namespace(session: Session, into: str, space: str) -> None:
    labels = {LABEL: space, guard.LABEL: guard.ALLOWED}
    session.kube.create("v1/Namespace", None, {"metadata": {"name": into, "labels": labels}})


def _make(session: Session, into: str, item: Json) -> None:
    body = {**item, "metadata": {**item["metadata"], "namespace": into}}
    try:
        session.kube.create(f"{item['apiVersion']}/{item['kind']}", into, body)
    except Conflict:
        raise NoEvidence(f"{item['kind']} {into}/{item['metadata']['name']} is there twice") from None


def _there(session: Session, namespace: str) -> Json | None:
    try:
        return session.kube.one("v1/Namespace", None, namespace)
    except NotFound:
        return None
