"""Who changed what, and when: roll-outs, cordons and ALTER SYSTEM, as the cluster and the database remember them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import psycopg

from services.aipaas.kubernetes import Json, listed

if TYPE_CHECKING:
    import httpx

_REVISION = "deployment.kubernetes.io/revision"
_ALTERED = (
    "SELECT string_agg(name || '=' || setting, ',' ORDER BY name), pg_conf_load_time()"
    " FROM pg_settings WHERE sourcefile LIKE '%/postgresql.auto.conf'"
)


@dataclass(frozen=True)
class Change:
    """One thing that users may have noticed, by whose hand, and what for."""

    reference: str
    what: str
    hand: str
    purpose: str
    at: datetime


def purpose_of(hand: str) -> str:
    """What this field manager changes things for."""
    for purpose, variable in (("installation", "INSTALLING_HANDS"), ("drill", "DRILLING_HANDS")):
        if hand in os.environ.get(variable, "").split(","):
            return purpose
    return "maintenance"


def hand_of(item: Json, field: str) -> str:
    """Who was the last to set this field of the object's spec, by its managed fields."""
    entries = [
        entry
        for entry in item["metadata"].get("managedFields", ())
        if field in entry.get("fieldsV1", {}).get("f:spec", {})
    ]
    newest = max(entries, key=lambda entry: str(entry.get("time", "")), default=None)
    return str(newest["manager"]) if newest else "unknown"


def rollouts(client: httpx.Client, namespaces: Iterable[str]) -> Iterator[Change]:
    """The newest revision of every workload."""
    for namespace in namespaces:
        apps = f"/apis/apps/v1/namespaces/{namespace}"
        revisions = listed(client, f"{apps}/replicasets") + listed(client, f"{apps}/controllerrevisions")
        for plural in ("deployments", "statefulsets", "daemonsets"):
            for workload in listed(client, f"{apps}/{plural}"):
                yield from _newest(workload, revisions)


def _newest(workload: Json, revisions: list[Json]) -> Iterator[Change]:
    uid, namespace = workload["metadata"]["uid"], workload["metadata"]["namespace"]
    own = [r for r in revisions if any(o["uid"] == uid for o in r["metadata"].get("ownerReferences", ()))]
    newest = max(own, key=_number, default=None)
    if newest:
        hand = hand_of(workload, "f:template")
        what = f"roll-out of {workload['kind']} {namespace}/{workload['metadata']['name']}"
        at = datetime.fromisoformat(newest["metadata"]["creationTimestamp"])
        yield Change(
            f"{newest['kind']} {namespace}/{newest['metadata']['name']}", what, hand, purpose_of(hand), at
        )


def _number(revision: Json) -> int:
    annotations = revision["metadata"].get("annotations", {})
    return int(revision.get("revision") or annotations.get(_REVISION, 0))


def cordons(client: httpx.Client) -> Iterator[Change]:
    """The nodes that take no pods, since when and by whose hand."""
    for node in listed(client, "/api/v1/nodes"):
        for taint in node["spec"].get("taints", ()):
            if taint["key"] == "node.kubernetes.io/unschedulable" and "timeAdded" in taint:
                name, hand = node["metadata"]["name"], hand_of(node, "f:unschedulable")
                at = datetime.fromisoformat(taint["timeAdded"])
                yield Change(
                    f"cordon {name} {taint['timeAdded']}", f"cordon of {name}", hand, purpose_of(hand), at
                )


def altered_settings(exporter: psycopg.Connection) -> Iterator[Change]:
    """What ALTER SYSTEM set, as of the last time that the server read it; nothing where nothing is set so."""
    row = exporter.execute(_ALTERED).fetchone()
    if row and row[0]:
        digest = hashlib.sha256(str(row[0]).encode()).hexdigest()[:12]
        what = json.dumps(str(row[0]))[:400]
        yield Change(f"ALTER SYSTEM {digest}", f"ALTER SYSTEM {what}", "postgres", "maintenance", row[1])
