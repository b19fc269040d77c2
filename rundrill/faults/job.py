"""A Job is run now, from the template of a CronJob, as `kubectl create job --from=cronjob/NAME` does it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence
from rundrill.faults import change
from rundrill.session import Session
from rundrill.units import duration
from rundrill.waiting import until

JOB = "batch/v1/Job"
LABEL = "rundrill.dev/by-hand"


def preview(session: Session, namespace: str, cronjob: str) -> guard.Preview:
    """The Job that is made."""
    name = str(session.kube.one("batch/v1/CronJob", namespace, cronjob)["metadata"]["name"])
    return guard.Preview("job", namespace, f"Job from CronJob {name}", (name,), 1, at_once=False)


def run(namespace: str, cronjob: str, configuration: Mapping[str, Any], within: str = "5m") -> str:
    """What showed that it ended well: the Job's own count; timed as a procedure from its making."""
    session = child.session()
    space = session.namespace(str(configuration["runbook"]), namespace)
    template = session.kube.one("batch/v1/CronJob", space, cronjob)["spec"]["jobTemplate"]
    name = f"{cronjob}-by-hand-{datetime.now(UTC):%H%M%S}"
    manifest = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace, "labels": {LABEL: cronjob}},
        "spec": template["spec"],
    }
    change.create(manifest, configuration, procedure=True)
    ended = until(lambda: _ended(session, space, name), duration(within))
    if ended != "Complete":
        raise NoEvidence(f"Job {space}/{name}: {ended or f'no end within {within}'}")
    says = f"Job {space}/{name} is complete"
    hops.note(child.directory(), "job_complete", datetime.now(UTC), "kubernetes", says)
    return says


def _ended(session: Session, namespace: str, name: str) -> str | None:
    """Complete or Failed; None while it runs."""
    conditions = (session.kube.one(JOB, namespace, name).get("status") or {}).get("conditions") or []
    found = [
        str(one["type"])
        for one in conditions
        if one["status"] == "True" and one["type"] in ("Complete", "Failed")
    ]
    return found[0] if found else None
