"""The rule that Prometheus has loaded for an alert, and the way that Alertmanager has loaded for it."""

from datetime import datetime, timedelta
from typing import Any

from rundrill.asking import answered
from rundrill.errors import NoEvidence
from rundrill.evidence import Raw, RouteSeen, RuleSeen
from rundrill.generate.prometheus import rule_expression
from rundrill.promise import Alert, Promise
from rundrill.promql import same
from rundrill.routing import route_of
from rundrill.session import Session

type Json = dict[str, Any]


def see_wiring(
    promise: Promise, session: Session
) -> tuple[RuleSeen | None, RouteSeen | None, tuple[Raw, ...]]:
    """Rule and route as they are loaded; a channel has no rule, and an alert that lost its rule has none either."""
    alert = promise.alert
    assert alert is not None
    slug = session.slug(promise)
    rule, raws = (None, ()) if alert.when is None else _rule(promise, alert, session)
    labels = {
        **alert.labels,
        "alertname": promise.alert_name,
        "promise": promise.id,
        "severity": alert.severity,
    }
    if rule is not None:
        labels = {**rule.labels, "alertname": rule.name}
    configuration = session.alertmanager(slug).configuration()
    try:
        route = route_of(configuration, labels)
    except (ValueError, KeyError) as error:
        raise NoEvidence(f"{promise.id}: the loaded routes cannot be read: {error}") from None
    return (
        rule,
        route,
        (*raws, answered("alertmanager", "GET /api/v2/status", {"route": configuration.get("route")})),
    )


def _rule(promise: Promise, alert: Alert, session: Session) -> tuple[RuleSeen | None, tuple[Raw, ...]]:
    server = session.prometheus(session.slug(promise))
    # Never from a cache: before a drill the newest evaluation must be recent.
    groups = server.rules()
    ours = [
        (group, rule)
        for group in groups
        for rule in group["rules"]
        if rule["type"] == "alerting" and rule["labels"].get("promise") == promise.id
    ]
    names = [rule["name"] for group in groups for rule in group["rules"]]
    answer = [rule for _, rule in ours] or {"loaded": names}
    raw = answered("prometheus", f"GET /api/v1/rules, promise={promise.id}", answer)
    if len(ours) > 1:
        raise NoEvidence(f"{len(ours)} rules say promise={promise.id}, expected one")
    expected = rule_expression(alert, session.profile)
    return (rule_seen(*ours[0], expected) if ours else None), (raw,)


def rule_seen(group: Json, rule: Json, expected: str) -> RuleSeen:
    """One rule of the answer to /api/v1/rules, compared with the expression that the policy generates."""
    try:
        alike: bool | None = same(rule["query"], expected)
    except ValueError:
        alike = None
    return RuleSeen(
        name=rule["name"],
        expr=rule["query"],
        for_=timedelta(seconds=float(rule["duration"])),
        labels=rule["labels"],
        health=rule["health"],
        state=rule["state"],
        last_evaluation=_moment(rule.get("lastEvaluation")),
        interval=timedelta(seconds=float(group["interval"])),
        expected_expr=expected,
        expr_same=alike,
        annotations=rule.get("annotations") or {},
    )


def _moment(text: str | None) -> datetime | None:
    """Go's zero time means never."""
    return None if not text or text.startswith("0001-") else datetime.fromisoformat(text)
