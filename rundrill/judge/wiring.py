"""Whether the rule and the route that are loaded are the ones that were promised."""

from datetime import datetime, timedelta

from rundrill.evidence import AlertSeen, DrillSeen, RouteSeen, RuleSeen
from rundrill.judge.gates import CLOCKS_APART
from rundrill.judge.words import listed, paced_text, time_text
from rundrill.profile import Profile
from rundrill.promise import Alert
from rundrill.verdict import Outcome

ASKED_WITHIN = timedelta(seconds=15)
"""The rules are asked for once for all promises, so the answer may be this much older than the evidence."""

type Finding = tuple[Outcome, str]


def wiring_fault(
    promise_id: str, alert: Alert, seen: AlertSeen, profile: Profile, at: datetime
) -> Finding | None:
    """The first thing wrong with rule or route, None where both are as promised; a channel has no rule."""
    found = None
    if alert.when is not None:
        if seen.rule is None:
            return Outcome.MISSED, f"no rule with promise={promise_id} is loaded"
        found = _rule_gap(seen.rule, seen.drill, profile, at) or _rule_fault(alert, seen.rule, profile)
    return found or _route_fault(alert, seen.route)


def _rule_gap(rule: RuleSeen, drill: DrillSeen | None, profile: Profile, at: datetime) -> Finding | None:
    """Why what Prometheus says of this rule is worth nothing."""
    if rule.health != "ok":
        return (
            Outcome.UNKNOWN,
            f"Prometheus cannot evaluate the rule {rule.name}: its health is {rule.health!r}",
        )
    if rule.last_evaluation is None:
        return Outcome.UNKNOWN, f"Prometheus has never evaluated the rule {rule.name}"
    looked = drill.started if drill is not None and drill.started is not None else at
    stale_after = 3 * max(rule.interval, profile.pace(profile.evaluation_interval)) + ASKED_WITHIN
    if looked - rule.last_evaluation > stale_after:
        return (
            Outcome.UNKNOWN,
            f"the rule {rule.name} was last evaluated {time_text(looked - rule.last_evaluation)} ago",
        )
    if rule.last_evaluation > at + CLOCKS_APART:
        return Outcome.UNKNOWN, f"the rule {rule.name} was last evaluated in the future: the clocks disagree"
    return None


def _rule_fault(alert: Alert, rule: RuleSeen, profile: Profile) -> Finding | None:
    if rule.expr_same is None:
        return Outcome.UNKNOWN, f"nobody compared the expression of the rule {rule.name}"
    if not rule.expr_same:
        wanted = f", expected {rule.expected_expr}" if rule.expected_expr else ""
        return Outcome.MISSED, f"the loaded rule {rule.name} says {rule.expr}{wanted}"
    wanted_for = profile.pace(alert.for_) if alert.for_ else timedelta(0)
    if abs(rule.for_ - wanted_for) >= timedelta(milliseconds=1):
        promised = paced_text(alert.for_, profile) if alert.for_ else "0 s"
        return (
            Outcome.MISSED,
            f"the loaded rule {rule.name} waits for {time_text(rule.for_)}, promised {promised}",
        )
    severity = rule.labels.get("severity")
    if severity != alert.severity:
        return (
            Outcome.MISSED,
            f"the loaded rule {rule.name} has severity {severity or 'none'}, promised {alert.severity}",
        )
    return _words_fault(alert, rule)


def _words_fault(alert: Alert, rule: RuleSeen) -> Finding | None:
    """What the promise says that the rule carries, and it does not; what it carries besides is its own affair."""
    promised = (("label", alert.labels, rule.labels), ("annotation", alert.annotations, rule.annotations))
    for what, wanted, loaded in promised:
        for name, text in wanted.items():
            if loaded.get(name) != text:
                found = f"the {what} {name}={loaded[name]!r}" if name in loaded else f"no {what} {name}"
                return Outcome.MISSED, f"the loaded rule {rule.name} has {found}, promised {text!r}"
    return None


def _route_fault(alert: Alert, route: RouteSeen | None) -> Finding | None:
    if route is None:
        return Outcome.MISSED, "Alertmanager has no route for this alert"
    promised, loaded = set(alert.receivers), set(route.receivers)
    never = sorted(loaded & set(alert.never))
    if never:
        return Outcome.MISSED, f"the loaded route leads to {listed(never)}, where it must never go"
    if promised != loaded:
        found, expected = listed(sorted(loaded)) or "nowhere", listed(sorted(promised)) or "nowhere"
        return Outcome.MISSED, f"the loaded route leads to {found}, promised {expected}"
    if not promised:
        return Outcome.UNKNOWN, "the promise names no receiver, so nothing can be proven"
    if not route.send_resolved:
        return Outcome.MISSED, "the loaded route sends no resolved notice"
    return None
