"""A Job is run now, from the template of a CronJob, as `kubectl create job --from=cronjob/NAME` does it."""

import copy
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence
from rundrill.faults import change
from rundrill.gateway.kubernetes import Json
from rundrill.jobs import end_of
from rundrill.session import Session
from rundrill.units import duration
from rundrill.waiting import until

JOB = "batch/v1/Job"
LABEL = "rundrill.dev/by-hand"


def preview(session: Session, namespace: str, cronjob: str) -> guard.Preview:
    """The Job that is made."""
    name = str(session.kube.one("batch/v1/CronJob", namespace, cronjob)["metadata"]["name"])
    return guard.Preview("job", namespace, f"Job from CronJob {name}", (name,), 1, at_once=False)


def run(
    namespace: str,
    cronjob: str,
    configuration: Mapping[str, Any],
    within: str = "5m",
    ends: Literal["Complete", "Failed"] = "Complete",
    script: str | None = None,
) -> str:
    """What showed that it ended as it should: its controller's word. One that ends well is timed as a procedure from its making.

    `script` stands for the container's own command: it may break something, and then `exec` what the image would have run.
    A Job that must fail is tried once, and that it failed is the proof of the fault.
    """
    session = child.session()
    space = session.namespace(str(configuration["runbook"]), namespace)
    name = f"{cronjob}-by-hand-{datetime.now(UTC):%H%M%S}"
    manifest = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace, "labels": {LABEL: cronjob}},
        "spec": _spec(session.kube.one("batch/v1/CronJob", space, cronjob), ends, script),
    }
    change.create(manifest, configuration, procedure=ends == "Complete")
    ended = until(lambda: end_of(session.kube.one(JOB, space, name)), duration(within))
    if ended != ends:
        raise NoEvidence(f"Job {space}/{name}: {ended or f'no end within {within}'}, expected {ends}")
    says = f"Job {space}/{name} is {ends}: {_last_words(session, space, name)}"
    station = "job_complete" if ends == "Complete" else "fault_proven"
    hops.note(child.directory(), station, datetime.now(UTC), "kubernetes", says)
    return says


def _spec(cronjob: Json, ends: str, script: str | None) -> Json:
    spec: Json = copy.deepcopy(cronjob["spec"]["jobTemplate"]["spec"])
    if ends == "Failed":
        spec["backoffLimit"] = 0
    if script is not None:
        spec["template"]["spec"]["containers"][0] |= {"command": ["bash", "-c", script], "args": []}
    return spec


def _last_words(session: Session, namespace: str, name: str) -> str:
    pods = session.kube.items("v1/Pod", namespace, f"job-name={name}")
    said = [session.kube.logs(namespace, pod["metadata"]["name"], tail=2).strip() for pod in pods[-1:]]
    return said[0][-300:] if said else "no pod of it is left"
