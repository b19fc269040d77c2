"""When CronJobs run."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rundrill.platform.cluster_client import Kubectl, Manifest
from rundrill.platform.manifests import key
from rundrill.units import duration

EVERY = "rundrill.dev/every"
"""On a CronJob: how often it runs on a drill cluster, as a duration or `backup` for as often as backups."""

FIRST_TURN = timedelta(minutes=3)
"""From the putting of a schedule to its first turn: about when its platform is up."""


@dataclass(frozen=True)
class Schedules:
    """How often backups run, and which CronJobs are backups."""

    backup_every: timedelta = timedelta(hours=1)
    backups: frozenset[tuple[str, str]] = frozenset()
    """namespace, name"""

    def as_manifest(self) -> Manifest:
        """Itself in plain values."""
        return {"every": str(self.backup_every), "of": sorted(map(list, self.backups))}

    def period(self, manifest: Manifest) -> timedelta | None:
        """How often that object runs; None where it is no CronJob, or keeps its own schedule."""
        kind, namespace, name = key(manifest)
        metadata: Any = manifest["metadata"]
        asked = metadata.get("annotations", {}).get(EVERY)
        if kind != "CronJob" or not (asked or (namespace, name) in self.backups):
            return None
        return self.backup_every if asked in (None, "backup") else duration(asked)

    def paced(self, manifest: Manifest, kubectl: Kubectl) -> Manifest:
        """The object, a CronJob with the schedule that it shall have."""
        every = self.period(manifest)
        if every is None:
            return manifest
        _, namespace, name = key(manifest)
        live: Any = kubectl.items("cronjob", name, f"--namespace={namespace}")
        there = live[0]["spec"]["schedule"] if live else None
        spec: Any = manifest["spec"]
        return manifest | {"spec": spec | {"schedule": cron_of(every, datetime.now(UTC), there)}}


def cron_of(every: timedelta, now: datetime, live: str | None) -> str:
    """A cron line with this period; the live one where its period is the same, else one that starts when all is up.

    What was never run is run at once then (`first_runs`), so nothing depends on meeting that minute.
    Periods are whole minutes that divide an hour, or whole hours that divide a day; others are rounded down to one.
    """
    minutes = max(1, int(every / timedelta(minutes=1)))
    start = now + FIRST_TURN
    step = max(d for d in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60) if d <= minutes)
    if step < 60:
        return _kept(live, f"/{step} * * * *") or f"{start.minute % step}-59/{step} * * * *"
    hours = max(d for d in (1, 2, 3, 4, 6, 8, 12, 24) if d * 60 <= minutes)
    if hours == 1:
        return _kept(live, " * * * *", not_containing="/") or f"{start.minute} * * * *"
    return _kept(live, f"-23/{hours} * * *") or f"{start.minute} {start.hour % hours}-23/{hours} * * *"


def _kept(live: str | None, ending: str, not_containing: str = "\n") -> str | None:
    return live if live and live.endswith(ending) and not_containing not in live else None
