"""What Kubernetes noted: events of a namespace, and how full its claims are."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from rundrill.asking import StateAnswer, answered
from rundrill.evidence import Reading, StateSeen, Value
from rundrill.listing import listed, must_exist
from rundrill.probe import EventsProbe
from rundrill.session import Session

type Json = dict[str, Any]


def see_events(probe: EventsProbe, session: Session, slug: str) -> StateAnswer:
    """One reading always: how many events there were lately, and what the newest says."""
    namespace = session.namespace(slug, probe.namespace)
    must_exist(session, namespace)
    now = datetime.now(UTC)
    lately = [(_seen_at(one), one) for one in listed(session, "v1/Event", namespace)]
    picked = sorted(
        ((at, one) for at, one in lately if _asked_for(probe, one, now - at)), key=lambda pair: pair[0]
    )
    facts: dict[str, Value] = {"count": len(picked), "newest": ""}
    if picked:
        at, newest = picked[-1]
        facts |= {"newest": _words(newest), "age": (now - at).total_seconds()}
    asked = f"{probe.type or 'all'} events of {namespace}"
    raw = answered("kubernetes", asked, [_words(one) for _, one in picked])
    return StateSeen((Reading(namespace, facts),)), (raw,)


def _asked_for(probe: EventsProbe, event: Json, age: timedelta) -> bool:
    return (
        (probe.type is None or event.get("type") == probe.type)
        and (probe.reason is None or event.get("reason") == probe.reason)
        and (probe.about is None or re.search(probe.about, _about(event)) is not None)
        and (probe.since is None or age <= probe.since)
    )


def _seen_at(event: Json) -> datetime:
    """When it happened last; newer events date themselves in another field than older ones."""
    said = (
        (event.get("series") or {}).get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or event["metadata"]["creationTimestamp"]
    )
    return datetime.fromisoformat(said)


def _words(event: Json) -> str:
    return f"{event.get('reason')} {_about(event)}: {event.get('message')}"


def _about(event: Json) -> str:
    about = event["involvedObject"]
    return f"{about.get('kind')}/{about.get('name')}"
