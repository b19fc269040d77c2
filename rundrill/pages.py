"""What an experiment asks of the channels themselves: whether somebody was told, of this drill and not of an earlier one."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rundrill import child, hops
from rundrill.errors import NoEvidence
from rundrill.session import Session
from rundrill.units import duration
from rundrill.waiting import until
from rundrill.watch import time_of

EVERY = timedelta(seconds=1)


def arrived(
    channel: str,
    alertname: str,
    configuration: Mapping[str, Any],
    labels: Mapping[str, str] | None = None,
    within: str = "60s",
) -> str:
    """When a firing alert of that name reached that channel since the fault; NoEvidence where it did not in the profile's time."""
    began = hops.reached(child.directory(), "injected")
    if began is None:
        raise NoEvidence("nothing was injected yet, so whatever arrived is of something else")
    session, since = child.session(), began[0].at
    limit = session.profile.pace(duration(within))
    wait = limit - (datetime.now(UTC) - since)
    at = until(
        lambda: _first(session, str(configuration["runbook"]), channel, (alertname, labels or {}), since),
        max(wait, timedelta(0)) + EVERY,
        EVERY,
    )
    if at is None or at - since > limit:
        late = f"after {at - since}" if at else "not at all"
        raise NoEvidence(f"{alertname} reached {channel} {late}, promised within {limit} of the fault")
    return f"{alertname} reached {channel} {(at - since).total_seconds():.1f} s after the fault"


def _first(
    session: Session, slug: str, channel: str, alert: tuple[str, Mapping[str, str]], since: datetime
) -> datetime | None:
    name, labels = alert
    found = session.witness(slug).notifications(channel, name, since)
    times = [time_of(one["arrived_at"]) for one in found if any(_is(a, labels) for a in one["alerts"])]
    return min(times, default=None)


def _is(alert: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    return alert.get("status") == "firing" and labels.items() <= (alert.get("labels") or {}).items()
