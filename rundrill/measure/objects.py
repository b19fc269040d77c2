"""Any Kubernetes objects: whether they are there, and facts out of them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from rundrill.asking import StateAnswer, answered
from rundrill.errors import NoEvidence
from rundrill.evidence import Reading, StateSeen, Value
from rundrill.gateway.kubernetes import NotFound
from rundrill.listing import full_name, listed
from rundrill.objectpath import Nowhere, fact_at
from rundrill.probe import ObjectProbe
from rundrill.session import Session

type Json = dict[str, Any]


def see_objects(probe: ObjectProbe, session: Session, slug: str) -> StateAnswer:
    """A reading of each object, and one with found=false for each that should be there and is not."""
    where = tuple(
        session.namespace(slug, name) for name in probe.namespaces or (probe.namespace or "",) if name
    )
    found = [one for namespace in where or (None,) for one in _listed(probe, session, namespace)]
    if probe.names:
        found = [one for one in found if one["metadata"]["name"] in probe.names]
    now = datetime.now(UTC)
    readings = [Reading(full_name(one), {"found": True, **_facts(one, probe.fields, now)}) for one in found]
    missing = [Reading(subject, {"found": False}) for subject in _missing(probe, where, found)]
    places = ", ".join(where) or "all namespaces"
    asked = f"{probe.api} in {places} {probe.selector or ''} {' '.join(probe.names)}".strip()
    return StateSeen((*readings, *missing)), (answered("kubernetes", asked, found),)


def _listed(probe: ObjectProbe, session: Session, namespace: str | None) -> list[Json]:
    """The list; empty where the cluster does not even know the kind."""
    try:
        return listed(session, probe.api, namespace, probe.selector or "")
    except NotFound:
        return []


def _facts(one: Json, fields: dict[str, str], now: datetime) -> dict[str, Value]:
    facts: dict[str, Value] = {}
    for name, path in fields.items():
        try:
            facts[name] = fact_at(one, path, now)
        except Nowhere:
            continue
        except (ValueError, ZeroDivisionError, TypeError) as error:
            raise NoEvidence(f"{one['kind']} {full_name(one)}: {path}: {error}") from None
    return facts


def _missing(probe: ObjectProbe, where: tuple[str, ...], found: list[Json]) -> Iterable[str]:
    """What should be there: each name (in each of `namespaces`), or at least one object in each of them."""
    kind = probe.api.rpartition("/")[2]
    there = {(one["metadata"].get("namespace"), one["metadata"]["name"]) for one in found}
    if not probe.names:
        return [f"a {kind} in {place}" for place in where if place not in {space for space, _ in there}]
    if probe.namespaces:
        return [f"{place}/{name}" for place in where for name in probe.names if (place, name) not in there]
    names = {name for _, name in there}
    return [f"{where[0]}/{name}" if where else name for name in probe.names if name not in names]
