"""A channel tried with an alert of our own, handed straight to Alertmanager: it changes nothing but what people see."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from rundrill.asking import answered
from rundrill.errors import NoEvidence
from rundrill.evidence import DrillSeen, Hop, Raw, Step
from rundrill.gateway.alertmanager import Alertmanager
from rundrill.gateway.witness import Witness
from rundrill.profile import Profile
from rundrill.promise import Promise
from rundrill.session import Session
from rundrill.waiting import until

type Json = dict[str, Any]

NAME = "synthetic-alert"
SLACK = timedelta(seconds=10)
"""How much longer than promised we wait, so that late is told apart from never."""


@dataclass
class _Try:
    """One synthetic alert on its way."""

    labels: dict[str, str]
    alertmanager: Alertmanager
    witness: Witness
    apart: timedelta
    """How far the witness's clock is ahead of ours; every hop is told in the witness's time."""
    started: datetime
    hops: list[Hop] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    undone: str | None = None

    def now(self) -> datetime:
        return datetime.now(UTC) + self.apart

    def arrived(self, status: str) -> dict[str, datetime]:
        """Channel -> when the first notification of this status came in."""
        first: dict[str, datetime] = {}
        for notice in self.notices():
            if notice["status"] == status:
                first.setdefault(notice["channel"], datetime.fromisoformat(notice["arrived_at"]))
        return first

    def notices(self) -> list[Json]:
        """Everything that the witness got since the start and that bears this alert's mark; a mail has it in its subject."""
        said = self.witness.notifications(alertname=self.labels["alertname"], since=self.started - SLACK)
        return [notice for notice in said if self.labels["rundrill_try"] in json.dumps(notice)]


def try_channel(promise: Promise, session: Session) -> tuple[DrillSeen, tuple[Raw, ...]]:
    """The way of one synthetic alert to its channels and back; it is always resolved in the end."""
    alert = promise.alert
    assert alert is not None
    slug, profile = session.slug(promise), session.profile
    one = _begin(promise, session.alertmanager(slug), session.witness(slug))
    try:
        proof = _fire(one)
        promised = profile.pace(alert.notified_within)
        until(lambda: set(alert.receivers) <= set(one.arrived("firing")), promised + SLACK)
        _stay_for_others(one, profile)
    finally:
        _resolve(one)
    until(lambda: set(one.arrived("resolved")) >= set(one.arrived("firing")), _longest_end(profile))
    for name, status in (("witness", "firing"), ("resolved", "resolved")):
        one.hops += [Hop(f"{name}:{channel}", at, "witness") for channel, at in one.arrived(status).items()]
    raw = answered("witness", f"notifications of {one.labels}", one.notices())
    return _seen(one, proof), (raw,)


def _begin(promise: Promise, alertmanager: Alertmanager, witness: Witness) -> _Try:
    before = datetime.now(UTC)
    there = witness.clock()
    after = datetime.now(UTC)
    assert promise.alert is not None
    mark = uuid.uuid4().hex[:12]
    labels = {
        **promise.alert.labels,
        "alertname": promise.alert_name,
        "promise": promise.id,
        "severity": promise.alert.severity,
        # Routes group by job: a group of its own, so that no earlier notification of one delays it.
        "job": f"rundrill-{mark}",
        "rundrill_try": mark,
    }
    apart = there - (before + (after - before) / 2)
    return _Try(labels, alertmanager, witness, apart, started=after + apart)


def _fire(one: _Try) -> str:
    """What shows that Alertmanager has the alert: it lists it."""
    said = {"summary": "A drill: this alert tries its channel and means nothing else."}
    at = one.now()
    _step(one, "hand-the-alert-over", lambda: one.alertmanager.push(one.labels, said, datetime.now(UTC)))
    one.hops.append(Hop("fault_proven", at, "alertmanager"))
    held = until(lambda: _held(one), SLACK)
    if held is None:
        raise NoEvidence(f"Alertmanager took {one.labels['alertname']} and does not list it")
    one.hops.append(Hop("alertmanager", one.now(), "alertmanager"))
    return f"Alertmanager lists it as {held['status']['state']} since {held['startsAt']}"


def _held(one: _Try) -> Json | None:
    """The alert as Alertmanager lists it."""
    mine = one.labels["rundrill_try"]
    listed = one.alertmanager.alerts(one.labels["alertname"])
    return next((alert for alert in listed if alert["labels"].get("rundrill_try") == mine), None)


def _stay_for_others(one: _Try, profile: Profile) -> None:
    """Waits as long as a slower route could take, so that a channel it must never reach is seen if reached."""
    known = set(one.arrived("firing"))
    until(lambda: set(one.arrived("firing")) - known or None, profile.pace(profile.group_wait) * 2)


def _resolve(one: _Try) -> None:
    now = datetime.now(UTC)
    started = one.started - one.apart
    _step(one, "end-the-alert", lambda: one.alertmanager.push(one.labels, {}, started, now))
    one.hops.append(Hop("undone", now + one.apart, "alertmanager"))
    if until(lambda: _held(one) is None, SLACK):
        one.undone = "Alertmanager no longer lists the alert"


def _longest_end(profile: Profile) -> timedelta:
    """How long the notice of an end may take: a group is told of changes once an interval."""
    return profile.pace(profile.group_interval) * 2 + profile.pace(profile.group_wait) + SLACK


def _step(one: _Try, name: str, act: Callable[[], None]) -> None:
    started = one.now()
    act()
    one.steps.append(Step(name, "succeeded", started, one.now()))


def _seen(one: _Try, proof: str) -> DrillSeen:
    return DrillSeen(
        experiment=NAME,
        journal_status="completed",
        steady_before=None,
        steps=tuple(one.steps),
        proof=proof,
        undone=one.undone,
        hops=tuple(sorted(one.hops, key=lambda hop: hop.at)),
        load=(),
        # Its labels are its own, so nobody can have been told of it before.
        quiet_before=True,
        started=one.started,
        ended=one.now(),
    )
