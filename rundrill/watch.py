"""Following one alert from Prometheus to the witness: each station is noted with the time its own server gives for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rundrill import hops
from rundrill.errors import NoEvidence
from rundrill.promise import Promise
from rundrill.session import Session

type Json = dict[str, Any]

STEP_S = 0.25
"""How finely the alert's own expression is asked for the first moment it was true."""
EARLIER = timedelta(seconds=2)


@dataclass
class Watch:
    """One alert of one drill; every look notes the stations that were reached since the last."""

    session: Session
    promise: Promise
    drill: Path
    since: datetime
    """What happened before the fault was injected is not its doing."""
    seen: dict[str, datetime] = field(default_factory=dict)
    blind: str | None = None
    """Why the last look saw nothing, None where it saw."""
    rule_gone: bool = False
    """Whether the rule is no longer loaded: then there is nothing left to wait for."""
    of: Mapping[str, str] = field(default_factory=dict)
    """Labels of the alert that this fault must raise, such as its job: another that fires meanwhile lends it nothing."""

    @property
    def slug(self) -> str:
        """The runbook whose platform is watched."""
        return self.session.slug(self.promise)

    def look(self) -> None:
        """Ask all three servers once; a server that does not answer leaves us blind until the next look."""
        self.blind = None
        for station in (self._prometheus, self._alertmanager, self._witness):
            try:
                station()
            except NoEvidence as error:
                self.blind = str(error)

    def reached(self, station: str, channels: tuple[str, ...]) -> bool:
        """Whether `witness` or `resolved` was reached at each of these channels."""
        return all(f"{station}:{channel}" in self.seen for channel in channels)

    def note(self, name: str, at: datetime, source: str, says: str = "") -> None:
        """Write a station down, once."""
        if name not in self.seen:
            self.seen[name] = at
            hops.note(self.drill, name, at, source, says, of=self.promise.id)

    def mine(self, alert: Json) -> bool:
        """Whether this is the alert: by its promise and labels, or by its name where a mail says no more."""
        labels = alert.get("labels") or {}
        wanted = {"promise": self.promise.id, **self.of} if "promise" in labels else {}
        return labels.get("alertname") == self.promise.alert_name and wanted.items() <= labels.items()

    def _prometheus(self) -> None:
        found = [alert for alert in self.session.prometheus(self.slug).alerts() if self.mine(alert)]
        for alert in found:
            self.note("pending", time_of(alert["activeAt"]), "prometheus", "activeAt of the alert")
            if alert["state"] == "firing":
                self.note(
                    "firing",
                    self._first_firing(),
                    "prometheus",
                    'first sample of ALERTS{alertstate="firing"}',
                )
        self.rule_gone = not found and self.rule() is None
        if not found and "firing" in self.seen and "inactive" not in self.seen:
            self.note(
                "inactive", self._first_inactive(), "prometheus", "one evaluation after the last firing one"
            )

    def _alertmanager(self) -> None:
        if "alertmanager" in self.seen:
            return
        for alert in self.session.alertmanager(self.slug).alerts(self.promise.alert_name):
            if self.mine(alert) and time_of(alert["updatedAt"]) >= self.since:
                self.note(
                    "alertmanager", time_of(alert["updatedAt"]), "alertmanager", "updatedAt at first sight"
                )

    def _witness(self) -> None:
        name = self.promise.alert_name
        for one in self.session.witness(self.slug).notifications(alertname=name, since=self.since):
            # Its own status: that of the notification is "firing" while any other alert of the group is.
            told = {alert["status"] for alert in one["alerts"] if self.mine(alert)}
            channel, at = one["channel"], time_of(one["arrived_at"])
            if "firing" in told:
                self.note(f"witness:{channel}", at, "witness", "arrived_at")
            elif "resolved" in told and f"witness:{channel}" in self.seen:
                self.note(f"resolved:{channel}", at, "witness", "arrived_at")

    def _firing_samples(self) -> list[float]:
        """When evaluations found it firing since the fault, by the raw samples that Prometheus wrote of it."""
        now = datetime.now(UTC)
        span = f"{int((now - self.since).total_seconds()) + 1}s"
        wanted = {"alertstate": "firing", "promise": self.promise.id, **self.of}
        query = f"ALERTS{{{','.join(f'{name}="{value}"' for name, value in wanted.items())}}}[{span}]"
        body = self.session.prometheus(self.slug).api("query", query=query, time=repr(now.timestamp()))
        times = [float(at) for series in body["data"]["result"] for at, _ in series["values"]]
        return sorted(at for at in times if at >= self.since.timestamp())

    def _first_firing(self) -> datetime:
        times = self._firing_samples()
        return datetime.fromtimestamp(times[0], UTC) if times else datetime.now(UTC)

    def _first_inactive(self) -> datetime:
        """One evaluation after the last that found it firing."""
        times, interval = self._firing_samples(), self._interval()
        return datetime.fromtimestamp(times[-1] + interval, UTC) if times else datetime.now(UTC)

    def _interval(self) -> float:
        groups = self.session.prometheus(self.slug).rules()
        return next(
            (float(group["interval"]) for group in groups if any(map(self._is_rule, group["rules"]))), 0.0
        )

    def _is_rule(self, rule: Json) -> bool:
        return (rule.get("labels") or {}).get("promise") == self.promise.id

    def rule(self) -> Json | None:
        """The rule as Prometheus has it loaded, None where it has none."""
        groups = self.session.prometheus(self.slug).rules()
        rules = (rule for group in groups for rule in group["rules"])
        return next(
            (rule for rule in rules if (rule.get("labels") or {}).get("promise") == self.promise.id), None
        )

    def note_first_bad_sample(self) -> None:
        """The first moment that the loaded rule's own expression was true, asked of the samples afterwards."""
        rule, pending = self.rule(), self.seen.get("pending")
        if rule is None or pending is None:
            return
        prometheus = self.session.prometheus(self.slug)
        body = prometheus.query_range(rule["query"], self.since - EARLIER, pending, STEP_S)
        its = [series for series in body["data"]["result"] if self.of.items() <= series["metric"].items()]
        times = [float(at) for series in its for at, _ in series["values"]]
        later = [at for at in times if at >= self.since.timestamp()]
        at = datetime.fromtimestamp(min(later), UTC) if later else pending
        self.note("first_bad_sample", at, "prometheus", f"the rule's expression, every {STEP_S:g} s")


def time_of(text: str) -> datetime:
    """An RFC 3339 time; digits finer than microseconds are cut off."""
    return datetime.fromisoformat(text)
