"""Where Alertmanager sends an alert, by its loaded tree of routes; pure."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from rundrill.evidence import RouteSeen
from rundrill.units import duration

type Json = Mapping[str, Any]
type Labels = Mapping[str, str]

# https://prometheus.io/docs/alerting/latest/configuration/#route-related-settings
_INHERITED = {"group_wait": "30s", "group_interval": "5m"}
# Which integrations tell of the end of an alert where nothing is said.
_QUIET = ("email_configs", "slack_configs", "wechat_configs")
_MATCHER = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|[^",]*)\s*')


def route_of(configuration: Json, labels: Labels) -> RouteSeen | None:
    """Every receiver that an alert with these labels reaches, with the longest waits on the way; None without routes."""
    root = configuration.get("route")
    if not root:
        return None
    reached = _reached(root, labels, {**_INHERITED, "receiver": root.get("receiver")})
    names = tuple(dict.fromkeys(str(one["receiver"]) for one in reached))
    receivers = {one["name"]: one for one in configuration.get("receivers") or ()}
    return RouteSeen(
        receivers=names,
        group_wait=max(_length(one["group_wait"]) for one in reached),
        group_interval=max(_length(one["group_interval"]) for one in reached),
        send_resolved=all(_tells_the_end(receivers.get(name, {})) for name in names),
    )


def _reached(route: Json, labels: Labels, inherited: Json) -> list[Json]:
    """The nodes that take the alert: the first child that matches, or more where one says `continue`; else this one."""
    here = {key: route.get(key) or inherited[key] for key in inherited}
    taken: list[Json] = []
    for child in route.get("routes") or ():
        if _matches(child, labels):
            taken += _reached(child, labels, here)
            if not child.get("continue"):
                break
    return taken or [here]


def _matches(route: Json, labels: Labels) -> bool:
    exact = all(labels.get(name, "") == str(value) for name, value in (route.get("match") or {}).items())
    like = all(
        re.fullmatch(str(value), labels.get(name, ""))
        for name, value in (route.get("match_re") or {}).items()
    )
    return exact and like and all(_holds(text, labels) for text in _matchers(route.get("matchers")))


def _matchers(said: Any) -> list[str]:
    texts = [said] if isinstance(said, str) else list(said or ())
    return [text.strip().removeprefix("{").removesuffix("}") for text in texts]


def _holds(text: str, labels: Labels) -> bool:
    """Whether every matcher of `a="b",c=~"d"` holds; ValueError where it is none."""
    place = 0
    while place < len(text):
        match = _MATCHER.match(text, place)
        if not match:
            raise ValueError(f"{text!r} is not a matcher")
        name, sign, quoted = match.groups()
        wanted = re.sub(r"\\(.)", r"\1", quoted[1:-1]) if quoted.startswith('"') else quoted.strip()
        found = labels.get(name, "")
        same = bool(re.fullmatch(wanted, found)) if sign.endswith("~") else found == wanted
        if same == sign.startswith("!"):
            return False
        place = match.end() + (text[match.end() : match.end() + 1] == ",")
    return True


def _length(text: object) -> timedelta:
    return duration(str(text))


def _tells_the_end(receiver: Json) -> bool:
    """Whether everything that the receiver sends to is told when the alert is over."""
    kinds = {kind: configs for kind, configs in receiver.items() if kind.endswith("_configs") and configs}
    said = [
        config.get("send_resolved", kind not in _QUIET)
        for kind, configs in kinds.items()
        for config in configs
    ]
    return bool(said) and all(said)
