"""A release of a platform: a colour beside the live one, or a new image for what is live.

What is changed here, `rundrill.faults.change` changes and undoes.
"""

import copy
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import yaml

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence, TargetError
from rundrill.faults import change
from rundrill.faults.rollout import pods, rollout
from rundrill.gateway.kubernetes import Json
from rundrill.session import Session
from rundrill.units import duration
from rundrill.waiting import until

DEPLOYMENT = "apps/v1/Deployment"


def preview(session: Session, runbook: str, file: str) -> guard.Preview:
    """The Deployment that is made."""
    manifest = _read(session, file)
    space = session.namespace(runbook, str(manifest["metadata"]["namespace"]))
    name = str(manifest["metadata"]["name"])
    return guard.Preview("release", space, f"Deployment {name}", (name,), 1, at_once=False)


def apply(
    file: str,
    like: str,
    service: str,
    configuration: Mapping[str, Any],
    words: Mapping[str, Any] | None = None,
    procedure: bool = False,
) -> str:
    """What was made: the Deployment of that file, with the image of the Deployment `like`.

    Refused where that Service already sends its users to this colour. `words` are dotted paths and what stands
    there instead, such as `spec.template.spec.containers.0.readinessProbe.httpGet.path`.
    """
    session, manifest = child.session(), _released(file, like, configuration)
    if why := _has_the_traffic(session, manifest, service):
        raise TargetError(why)
    for path, value in (words or {}).items():
        _put(manifest, path.split("."), value)
    return change.create(manifest, configuration, procedure)


def must_refuse(file: str, like: str, service: str, configuration: Mapping[str, Any]) -> str:
    """Why the release is refused now; NoEvidence where nothing would stop it."""
    why = _has_the_traffic(child.session(), _released(file, like, configuration), service)
    if why is None:
        raise NoEvidence(f"nothing refuses {file}, though its colour has the traffic")
    return why


def roll_out(
    namespace: str, workload: str, container: str, release: str, configuration: Mapping[str, Any]
) -> str:
    """What was changed: that container's image to the one that `release` (config-map/key) names, as a procedure."""
    session = child.session()
    space = session.namespace(str(configuration["runbook"]), namespace)
    name, _, key = release.partition("/")
    image = session.kube.one("v1/ConfigMap", space, name)["data"][key]
    return set_image(namespace, workload, container, image, configuration, procedure=True)


def is_rolled_out(
    namespace: str,
    workload: str,
    container: str,
    release: str,
    configuration: Mapping[str, Any],
    within: str = "5m",
) -> str:
    """What showed that the roll-out is complete: every pod's own image, and the controller's count."""
    session = child.session()
    space = session.namespace(str(configuration["runbook"]), namespace)
    name, _, key = release.partition("/")
    image = str(session.kube.one("v1/ConfigMap", space, name)["data"][key])
    if not until(lambda: _runs(session, space, workload, (container, image)), duration(within)):
        raise NoEvidence(f"{space}/{workload}: not every pod is of {image} within {within}")
    says = f"every pod of {space}/{workload} is of {image}"
    hops.note(child.directory(), "rolled_out", datetime.now(UTC), "kubernetes", says)
    return says


def set_image(
    namespace: str,
    workload: str,
    container: str,
    image: str,
    configuration: Mapping[str, Any],
    procedure: bool = False,
) -> str:
    """What was changed: that container's image."""
    session = child.session()
    space = session.namespace(str(configuration["runbook"]), namespace)
    containers = session.kube.one(DEPLOYMENT, space, workload)["spec"]["template"]["spec"]["containers"]
    if not [one for one in containers if one["name"] == container and one["image"] != image]:
        raise TargetError(f"{space}/{workload}: no container {container!r} with another image than {image}")
    changed = [one | ({"image": image} if one["name"] == container else {}) for one in containers]
    patch = {"spec": {"template": {"spec": {"containers": changed}}}}
    return change.patch(DEPLOYMENT, namespace, workload, patch, configuration, procedure)


def _runs(session: Session, space: str, workload: str, wanted: tuple[str, str]) -> bool:
    if not rollout(session, space, workload).complete:
        return False
    deployment = session.kube.one(DEPLOYMENT, space, workload)
    specs = [pod["spec"]["containers"] for pod in pods(session, space, deployment)]
    images = [{(one["name"], one["image"]) for one in containers} for containers in specs]
    return bool(images) and all(wanted in found for found in images)


def _released(file: str, like: str, configuration: Mapping[str, Any]) -> Json:
    session = child.session()
    manifest = _read(session, file)
    space = session.namespace(str(configuration["runbook"]), str(manifest["metadata"]["namespace"]))
    live = session.kube.one(DEPLOYMENT, space, like)["spec"]["template"]["spec"]["containers"]
    images = {str(one["name"]): str(one["image"]) for one in live}
    for one in manifest["spec"]["template"]["spec"]["containers"]:
        one["image"] = images[one["name"]]
    return manifest


def _read(session: Session, file: str) -> Json:
    path = session.policy.path.resolve().parent / file
    try:
        found: Json = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise TargetError(f"{file}: no Deployment can be read from it: {error}") from None
    if f"{found.get('apiVersion')}/{found.get('kind')}" != DEPLOYMENT:
        raise TargetError(f"{file}: holds a {found.get('kind')}, expected one Deployment")
    return copy.deepcopy(found)


def _has_the_traffic(session: Session, manifest: Json, service: str) -> str | None:
    """Why this colour must not be touched; None where that Service sends nobody to it."""
    space = str(manifest["metadata"]["namespace"])
    wanted = session.kube.one("v1/Service", space, service)["spec"]["selector"]
    labels = manifest["spec"]["template"]["metadata"]["labels"]
    if any(labels.get(name) != value for name, value in wanted.items()):
        return None
    return f"{manifest['metadata']['name']} has the traffic of Service {space}/{service}: refused"


def _put(there: Any, path: list[str], value: Any) -> None:
    """Sets what a dotted path leads to; a number is a place in a list."""
    for step in path[:-1]:
        there = there[int(step) if isinstance(there, list) else step]
    last = path[-1]
    there[int(last) if isinstance(there, list) else last] = value
