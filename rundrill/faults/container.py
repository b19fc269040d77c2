"""One container of a workload is told otherwise: its limits, its environment, its command; the rest of it stays."""

import copy
from collections.abc import Mapping
from typing import Any

from rundrill import child, guard
from rundrill.errors import TargetError
from rundrill.faults import change
from rundrill.faults.begin import began, place
from rundrill.gateway.kubernetes import Json
from rundrill.session import Session

_API = "apps/v1/Deployment"
TOLD = "rundrill.dev/told"
"""A label of the new pods, by which an experiment can ask them alone."""


def preview(session: Session, namespace: str, workload: str) -> guard.Preview:
    """The pods that follow it, one after another."""
    return change.preview(session, _API, namespace, workload, {})


def tell(
    namespace: str,
    workload: str,
    fields: Mapping[str, Any],
    configuration: Mapping[str, Any],
    container: str | None = None,
    told: str = "so",
    procedure: bool = False,
) -> str:
    """What was told: mappings are merged, lists of named things by their names. Its undo is the former template, by `change`.

    The new pods carry the label `rundrill.dev/told` with the word that `told` says.
    """
    session, space = place(configuration, namespace)
    guard.allow(session, preview(session, space, workload), configuration)
    there = session.kube.one(_API, space, workload)
    before: list[Json] = there["spec"]["template"]["spec"]["containers"]
    after = _told(before, container, fields)
    undo = {"does": "patch", "api": _API, "namespace": space, "name": workload, "patch": _patch(before, None)}
    with child.injecting("change", undo):
        says = f"Deployment {space}/{workload} told {', '.join(sorted(fields))}"
        began(says, "kubernetes", procedure)
        session.kube.patch(_API, space, workload, _patch(after, told))
    return says


def _told(before: list[Json], container: str | None, fields: Mapping[str, Any]) -> list[Json]:
    after = copy.deepcopy(before)
    chosen = [one for one in after if container in (None, one["name"])]
    if not chosen:
        raise TargetError(f"there is no container {container!r}, only {[one['name'] for one in before]}")
    chosen[0].update(merged(chosen[0], fields))
    return after


def merged(there: Any, said: Any) -> Any:
    """What is said, over what is there: mappings key by key, lists of named things name by name."""
    if isinstance(there, Mapping) and isinstance(said, Mapping):
        return {**there, **{key: merged(there.get(key), value) for key, value in said.items()}}
    if isinstance(there, list) and isinstance(said, list) and all(map(_named, [*there, *said])):
        # An entry of the environment has a value or a source, never both.
        new = {one["name"]: one for one in said}
        kept = [one for one in there if one["name"] not in new]
        return [*kept, *said]
    return said


def _patch(containers: list[Json], told: str | None) -> Json:
    labels = {"metadata": {"labels": {TOLD: told}}}
    return {"spec": {"template": {**labels, "spec": {"containers": containers}}}}


def _named(one: object) -> bool:
    return isinstance(one, Mapping) and "name" in one
