"""The first run of what runs by a schedule: a platform that is up has its first backup and its first report."""

import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from rundrill.cluster.provider import Progress
from rundrill.jobs import end_of
from rundrill.platform.cluster_client import Kubectl, Manifest
from rundrill.platform.manifests import key

LABEL = "rundrill.dev/first-run"
DONE_WITHIN = timedelta(minutes=4)
POLL = timedelta(seconds=3)
TELL_EVERY = timedelta(seconds=20)


def begin(kubectl: Kubectl, cron_jobs: Iterable[Manifest]) -> None:
    """A Job of each of these CronJobs that never ran yet; one that ran, runs, or is suspended is left alone."""
    wanted = {key(manifest)[1:] for manifest in cron_jobs}
    for namespace in sorted({namespace for namespace, _ in wanted}):
        place = f"--namespace={namespace}"
        begun = {key(job)[2] for job in kubectl.items("jobs", place)}
        jobs = [
            first_run(one)
            for one in kubectl.items("cronjobs", place)
            if key(one)[1:] in wanted and _never_ran(one) and _name(one) not in begun
        ]
        if jobs:
            kubectl.apply(jobs)


def first_run(cron_job: Manifest) -> Manifest:
    """The Job that its schedule would make, owned by it and cleared away with it."""
    there: Any = cron_job
    _, namespace, name = key(cron_job)
    # Its controller, so that the CronJob counts its success as one of its own.
    owner = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": name,
        "uid": there["metadata"]["uid"],
        "controller": True,
    }
    template = there["spec"]["jobTemplate"]
    labels = (template.get("metadata") or {}).get("labels") or {}
    metadata = {
        "name": _name(cron_job),
        "namespace": namespace,
        "labels": {**labels, LABEL: "true"},
        "ownerReferences": [owner],
    }
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]}


def wait(kubectl: Kubectl, say: Progress) -> None:
    """Returns once every first run is over, or says which is not; a schedule runs it again in any case."""
    began = told = time.monotonic()
    while left := _under_way(kubectl):
        now = time.monotonic()
        if now - began > DONE_WITHIN.total_seconds():
            say(f"not done after {DONE_WITHIN.total_seconds():g} s: the first runs of {', '.join(left)}")
            return
        if now - told > TELL_EVERY.total_seconds():
            told = now
            say(f"waiting for {len(left)} first runs: {', '.join(left)}")
        time.sleep(POLL.total_seconds())


def _under_way(kubectl: Kubectl) -> list[str]:
    jobs: list[Any] = kubectl.items("jobs", "--all-namespaces", f"--selector={LABEL}")
    return sorted("/".join(key(job)[1:]) for job in jobs if end_of(job) is None)


def _never_ran(cron_job: Any) -> bool:
    status = cron_job.get("status") or {}
    ran = status.get("lastScheduleTime") or status.get("active")
    return not ran and not cron_job["spec"].get("suspend")


def _name(cron_job: Manifest) -> str:
    return f"{key(cron_job)[2]}-first"
