"""Whether a crowd is served, where the runbook has no objective: by the share of errors that a drill's promise allows.

The number is the promise's own: `keeps.errors`, or what its clause names as `errors`; `p95` says how soon an answer must come.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rundrill import child, hops
from rundrill.errors import NoEvidence, PolicyError
from rundrill.kinds import Drill
from rundrill.recovery import Held
from rundrill.units import duration, ratio
from rundrill.waiting import until

STEADY = timedelta(seconds=20)
"""For so long the users must have been served before a fault may begin."""
STEADY_WITHIN = timedelta(seconds=90)
SLACK = timedelta(seconds=60)
LATE = timedelta(seconds=15)
"""An answer may take ten seconds, and a stretch begins with a good arrival."""


@dataclass(frozen=True)
class Served:
    """How many must be answered and how soon; for how long, and how long that may take to come, is the drill's."""

    share: float
    soon: timedelta | None
    drill: Drill


def users_are_served(id: str) -> bool:
    """Whether the crowd is served now and was for the last 20 s, as that promise says; waits until it is."""
    if not child.crowd().read().plan:
        raise NoEvidence("the crowd plans no arrivals, so nothing can be said of its users")
    served, since = _served(id), datetime.now(UTC) - STEADY
    return bool(until(lambda: _held(served, since, STEADY), STEADY_WITHIN))


def users_are_well(id: str, while_broken: bool = False) -> str:
    """When the crowd was served again, as that promise says and for as long.

    `while_broken`: while the fault is still there, from the procedure on that helps against it.
    """
    served = _served(id)
    drill = served.drill
    if not hops.reached(child.directory(), "fault_proven"):
        raise NoEvidence("no fault was proven, so there is nothing to recover from")
    # A fault may be over for its users before the last replica is back, a procedure not before its end.
    end = "undone" if hops.reached(child.directory(), hops.PROCEDURE) else hops.UNDOING
    since = child.time_of(hops.PROCEDURE if while_broken else end)
    found = until(lambda: _held(served, since, drill.holds_for), drill.shown_within + SLACK)
    if found is None:
        raise NoEvidence(f"users were not served for {drill.holds_for} within {drill.within} of the undo")
    hops.note(child.directory(), "recovered_users", found.since, "crowd", found.says)
    return found.says


def users_stay_served(id: str) -> str:
    """How many were served in the next 20 s, as that promise says; NoEvidence where too few were."""
    served, since = _served(id), datetime.now(UTC)
    found = until(lambda: _held(served, since, STEADY), STEADY + LATE)
    if found is None or found.since > since + LATE:
        raise NoEvidence(f"users were not served all the time for {STEADY}")
    return found.says


def _served(id: str) -> Served:
    drill = child.session().policy.promise(id).drill
    if drill is None:
        raise PolicyError(f"the experiment asks what {id!r} says of its users, which is no drill")
    errors = drill.keeps.errors if drill.keeps else None
    if errors is None and "errors" in drill.with_:
        errors = ratio(drill.with_["errors"])
    if errors is None:
        raise PolicyError(f"{id}: neither keeps.errors nor with.errors says how many may fail")
    soon = duration(drill.with_["p95"]) if "p95" in drill.with_ else None
    return Served(1 - errors, soon, drill)


def _held(served: Served, since: datetime, for_: timedelta) -> Held | None:
    return child.crowd_held(since, for_, served.share, served.soon)
