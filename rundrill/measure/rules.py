"""Alerting rules as Prometheus has loaded them."""

from typing import Any

from rundrill.asking import StateAnswer, answered
from rundrill.evidence import Reading, StateSeen, Value
from rundrill.probe import RuleProbe
from rundrill.session import Session

type Json = dict[str, Any]


def see_rule(probe: RuleProbe, session: Session, slug: str) -> StateAnswer:
    """A reading of each rule of that name: how long it waits, what it carries, whether it evaluates."""
    groups = session.cached(("rules", slug), lambda: session.prometheus(slug).rules())
    found = [
        (group["name"], rule)
        for group in groups
        for rule in group["rules"]
        if rule["type"] == "alerting" and rule["name"] == probe.alert
    ]
    faster = session.profile.accelerated
    readings = [Reading(probe.alert, _facts(group, rule, faster)) for group, rule in found]
    if not readings:
        readings = [Reading(f"the rule {probe.alert}", {"found": False})]
    raw = answered("prometheus", f"rule {probe.alert}", [rule for _, rule in found])
    return StateSeen(tuple(readings)), (raw,)


def _facts(group: str, rule: Json, faster: int) -> dict[str, Value]:
    """Facts by name; `for` in the runbook's own time, however fast time runs here."""
    labels, annotations = rule.get("labels") or {}, rule.get("annotations") or {}
    facts: dict[str, Value] = {
        "found": True,
        "group": group,
        "for": float(rule["duration"]) * faster,
        "expr": rule["query"],
        "health": rule["health"],
        "state": rule["state"],
    }
    if "severity" in labels:
        facts["severity"] = labels["severity"]
    facts |= {f"labels.{name}": value for name, value in labels.items()}
    return facts | {f"annotations.{name}": value for name, value in annotations.items()}
