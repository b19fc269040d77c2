"""What a drill's directory shows: journal, noted hops and the crowd's lines, put together as evidence."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rundrill import hops
from rundrill.crowd import Crowd, instant
from rundrill.errors import NoEvidence
from rundrill.evidence import DrillSeen, LoadPhase, Raw
from rundrill.journal import read_journal
from rundrill.promise import Promise

JOURNAL = "journal.json"
STATIONS = (
    "fault_proven",
    "first_bad_sample",
    "pending",
    "firing",
    "alertmanager",
    "undone",
    "inactive",
    hops.LAPSED,
)
RECOVERIES = ("recovered_users", "recovered_kubernetes")
CHANNELS = ("witness:", "resolved:")


def drill_seen(
    name: str, drill: Path, crowd: Crowd, times: tuple[datetime, datetime]
) -> tuple[DrillSeen, tuple[Raw, ...]]:
    """The evidence of one drill and the files behind it; NoEvidence where it left none, or nobody could watch."""
    if blind := says(drill, "blind"):
        raise NoEvidence(f"{name}: the alert could not be watched: {blind}")
    journal = read_journal(drill / JOURNAL)
    noted = hops.noted(drill)
    seen = DrillSeen(
        experiment=name,
        journal_status=journal.status,
        steady_before=journal.steady_before,
        steps=journal.steps,
        # A fault that did not last until the alert was due is as good as none.
        proof=None if says(drill, hops.LAPSED) else says(drill, "fault_proven"),
        undone=says(drill, "undone"),
        hops=tuple(replace(hop, says=said) for hop, said in noted if _is_station(hop.name)),
        load=phases(crowd, _at(drill, "injected"), _at(drill, "undone")),
        quiet_before=_quiet_before(drill),
        started=times[0],
        ended=times[1],
    )
    return seen, _raws(drill, crowd)


def seen_of(promise: Promise, seen: DrillSeen) -> DrillSeen:
    """The same drill as one promise sees it: without the stations of other alerts, and what others want to be so in the end."""
    own = (hop for hop in seen.hops if hops.wanted_by(hop.name) in (None, promise.id))
    return replace(seen, hops=tuple(hop for hop in own if not promise.alert or hop.of in ("", promise.id)))


def phases(crowd: Crowd, injected: datetime | None, undone: datetime | None) -> tuple[LoadPhase, ...]:
    """What the users saw before the fault, during it and after its undo, as far as the drill came."""
    if crowd.began is None:
        return ()
    last = max((arrival.planned for arrival in crowd.arrivals), default=crowd.began)
    began, ended = instant(crowd.began), instant(crowd.ended or last)
    cuts = [began, *(at for at in (injected, undone) if at is not None and began < at < ended), ended]
    names = ("before", "fault", "after")[: len(cuts) - 1]
    return tuple(
        crowd.phase(name, start, end) for name, start, end in zip(names, cuts, cuts[1:], strict=False)
    )


def says(drill: Path, name: str) -> str | None:
    """What was seen when that station was reached, None where it was not."""
    found = hops.reached(drill, name)
    return found[1] if found else None


def _at(drill: Path, name: str) -> datetime | None:
    found = hops.reached(drill, name)
    return found[0].at if found else None


def _is_station(name: str) -> bool:
    return name in STATIONS or name in RECOVERIES or name.startswith((*CHANNELS, hops.THEN, hops.NOT_THEN))


def _quiet_before(drill: Path) -> bool | None:
    """Whether every alert that is watched was quiet when the gate looked; None where it did not look."""
    first: dict[str, str] = {}
    for hop, _ in hops.noted(drill):
        if hop.name in ("quiet", "not_quiet"):
            first.setdefault(hop.of, hop.name)
    return all(look == "quiet" for look in first.values()) if first else None


def _raws(drill: Path, crowd: Crowd) -> tuple[Raw, ...]:
    """The journal, the hops with what was seen at each, and where the crowd's lines lie."""
    now, place = datetime.now(UTC), f"evidence/{drill.name}"
    noted = [{"name": hop.name, "at": hop.at.isoformat(), "says": seen} for hop, seen in hops.noted(drill)]
    counted = {"planned": len(crowd.plan), "written": len(crowd.arrivals), "rate": crowd.rate}
    return (
        Raw("chaos", f"{place}/{JOURNAL}", json.loads((drill / JOURNAL).read_text()), now),
        Raw("chaos", f"{place}/{hops.FILE}", noted, now),
        Raw("load", f"{place}/{crowd.path.name}", counted, now),
    )
