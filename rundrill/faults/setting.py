"""A setting in the environment of a Deployment's container, as `kubectl set env` changes it.

What is changed here, `rundrill.faults.change` changes and undoes.
"""

from collections.abc import Mapping
from typing import Any

from rundrill import child, guard
from rundrill.errors import TargetError
from rundrill.faults import change
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
    session = child.session()
    space = session.namespace(str(configuration["runbook"]), namespace)
    containers = session.kube.one(DEPLOYMENT, space, workload)["spec"]["template"]["spec"]["containers"]
    name = container or containers[0]["name"]
    if name not in [one["name"] for one in containers]:
        raise TargetError(f"{space}/{workload}: no container {name!r}")
    changed = [
        one | {"env": _env(one, variable, value)} if one["name"] == name else one for one in containers
    ]
    patch = {"spec": {"template": {"spec": {"containers": changed}}}}
    return change.patch(DEPLOYMENT, namespace, workload, patch, configuration, procedure)


def _env(container: Mapping[str, Any], variable: str, value: str) -> list[dict[str, Any]]:
    """The container's variables with this one's new value; an equal one is no change, and an error."""
    there = list(container.get("env") or [])
    if {"name": variable, "value": value} in there:
        raise TargetError(f"{variable} is {value!r} already")
    return [one for one in there if one["name"] != variable] + [{"name": variable, "value": value}]
