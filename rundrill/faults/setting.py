"""Settings of a Deployment's container: its environment, as `kubectl set env` changes it, and the CPU that it may have.

What is changed here, `rundrill.faults.change` changes and undoes.
"""

from collections.abc import Mapping
from typing import Any

from rundrill import guard
from rundrill.errors import TargetError
from rundrill.faults import change
from rundrill.faults.begin import place
from rundrill.gateway.kubernetes import Json
from rundrill.session import Session

DEPLOYMENT = "apps/v1/Deployment"


def preview(session: Session, namespace: str, workload: str) -> guard.Preview:
    """The Deployment, whose pods are replaced one after another."""
    return change.preview(session, DEPLOYMENT, namespace, workload, {})


def set_env(
    namespace: str,
    workload: str,
    variable: str,
    value: str,
    configuration: Mapping[str, Any],
    container: str | None = None,
    procedure: bool = False,
) -> str:
    """What was changed: that variable of the container, the first one where nothing is said."""
    session, space = place(configuration, namespace)
    containers = _containers(session, space, workload)
    name = container or str(containers[0]["name"])
    changed = [
        one | {"env": _env(one, variable, value)} if one["name"] == name else one for one in containers
    ]
    return _put(namespace, workload, name, changed, configuration, procedure)


def limit_cpu(
    namespace: str,
    workload: str,
    cpu: str,
    configuration: Mapping[str, Any],
    container: str | None = None,
    procedure: bool = False,
) -> str:
    """What was changed: the most CPU that the container may have, such as `100m`."""
    session, space = place(configuration, namespace)
    containers = _containers(session, space, workload)
    name = container or str(containers[0]["name"])
    changed = [one | {"resources": _limited(one, cpu)} if one["name"] == name else one for one in containers]
    return _put(namespace, workload, name, changed, configuration, procedure)


def _containers(session: Session, space: str, workload: str) -> list[Json]:
    found: list[Json] = session.kube.one(DEPLOYMENT, space, workload)["spec"]["template"]["spec"][
        "containers"
    ]
    return found


def _put(
    namespace: str,
    workload: str,
    name: str,
    containers: list[Json],
    configuration: Mapping[str, Any],
    procedure: bool,
) -> str:
    if name not in [one["name"] for one in containers]:
        raise TargetError(f"{namespace}/{workload}: no container {name!r}")
    patch = {"spec": {"template": {"spec": {"containers": containers}}}}
    return change.patch(DEPLOYMENT, namespace, workload, patch, configuration, procedure)


def _limited(container: Json, cpu: str) -> Json:
    there: Json = container.get("resources") or {}
    return there | {"limits": (there.get("limits") or {}) | {"cpu": cpu}}


def _env(container: Mapping[str, Any], variable: str, value: str) -> list[dict[str, Any]]:
    """The container's variables with this one's new value; an equal one is no change, and an error."""
    there = list(container.get("env") or [])
    if {"name": variable, "value": value} in there:
        raise TargetError(f"{variable} is {value!r} already")
    return [one for one in there if one["name"] != variable] + [{"name": variable, "value": value}]
