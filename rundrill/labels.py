"""Kubernetes' label selectors, as text and as objects, matched against labels."""

import re
from collections.abc import Mapping
from typing import Any

type Labels = Mapping[str, str]

_TERM = re.compile(
    r"\s*(?:(?P<absent>!)\s*)?(?P<key>[A-Za-z0-9_./-]+)\s*"
    r"(?:(?P<is>==|=|!=)\s*(?P<value>[A-Za-z0-9_.-]*)|(?P<word>in|notin)\s*\((?P<values>[^)]*)\))?\s*(?:,|$)"
)


def picks(selector: str, labels: Labels) -> bool:
    """Whether a selector such as `app=auth,tier in (web, api),!old` picks these labels; ValueError where it is none."""
    at = 0
    while at < len(selector.strip()):
        term = _TERM.match(selector, at)
        if not term:
            raise ValueError(f"{selector!r} is no label selector (try app=auth-service)")
        if not _holds(term.groupdict(), labels):
            return False
        at = term.end()
    return True


def _holds(term: Mapping[str, str | None], labels: Labels) -> bool:
    key = str(term["key"])
    if term["is"]:
        return (labels.get(key) == term["value"]) == (term["is"] != "!=")
    if term["word"]:
        wanted = {value.strip() for value in str(term["values"]).split(",")}
        return (labels.get(key) in wanted) == (term["word"] == "in")
    return (key in labels) != bool(term["absent"])


def selects(selector: Mapping[str, Any] | None, labels: Labels) -> bool:
    """Whether a LabelSelector object picks these labels; an empty one picks all, one that is not there none."""
    if selector is None:
        return False
    same = all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())
    return same and all(_meets(one, labels) for one in selector.get("matchExpressions") or ())


def _meets(expression: Mapping[str, Any], labels: Labels) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels
