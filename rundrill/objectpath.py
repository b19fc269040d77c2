"""Facts out of a Kubernetes object by a dotted path, as `rundrill.probe.ObjectProbe` words them."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rundrill.evidence import Value

type Json = Mapping[str, Any]

_QUANTITY = re.compile(r"([+-]?\d+(?:\.\d+)?)(e[+-]?\d+|[numkMGTPE]|[KMGTPE]i)?")
_FACTOR = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_BINARY = {f"{letter}i": 1024.0**power for power, letter in enumerate("KMGTPE", start=1)}


class Nowhere(Exception):
    """The path leads to nothing in this object."""


def fact_at(found: Json, path: str, now: datetime) -> Value:
    """What the path leads to; Nowhere where it leads to nothing."""
    if " / " in path:
        upper, _, lower = path.partition(" / ")
        return _quotient(_walk(found, _steps(upper), now), _walk(found, _steps(lower), now))
    return _plain(_walk(found, _steps(path), now))


def quantity(text: object) -> float:
    """The number that a Kubernetes quantity says, such as 0.25 for `250m`; ValueError where it says none."""
    match = _QUANTITY.fullmatch(str(text))
    if not match:
        raise ValueError(f"{text!r} is not a quantity")
    unit = match[2] or ""
    if unit.startswith("e"):
        return float(match[1] + unit)
    return float(match[1]) * (_FACTOR | _BINARY | {"": 1.0})[unit]


def _steps(path: str) -> list[str]:
    """`status.conditions.type=Ready.status` in four; a backslash keeps a dot that belongs to a key."""
    return [step.replace("\\.", ".") for step in re.split(r"(?<!\\)\.", path.strip())]


def _walk(found: Any, steps: list[str], now: datetime) -> Any:
    if not steps:
        return found
    step, rest = steps[0], steps[1:]
    if step == "*":
        return _each(found, rest, now)
    if step == "#":
        return len(found or ())
    if step.startswith("#"):
        return sum(_leads(one, [step[1:], *rest], now) for one in found or ())
    if step == "since":
        return (now - datetime.fromisoformat(str(found))).total_seconds()
    try:
        below = _step(found, step)
    except Nowhere:
        # A list or mapping that is left out holds nothing.
        if rest and (rest[0] == "*" or rest[0].startswith("#")):
            return _walk(None, rest, now)
        raise
    return _walk(below, rest, now)


def _leads(found: Any, steps: list[str], now: datetime) -> bool:
    try:
        _walk(found, steps, now)
    except Nowhere:
        return False
    return True


def _step(found: Any, step: str) -> Any:
    if isinstance(found, Mapping) and step in found:
        return found[step]
    if isinstance(found, list):
        if step.isdigit() and int(step) < len(found):
            return found[int(step)]
        key, equals, value = step.partition("=")
        for one in found if equals else ():
            if isinstance(one, Mapping) and str(one.get(key)) == value:
                return one
    raise Nowhere(step)


def _each(found: Any, rest: list[str], now: datetime) -> str:
    below = found.values() if isinstance(found, Mapping) else found or ()
    values = []
    for one in below:
        try:
            values.append(str(_text(_walk(one, rest, now))))
        except Nowhere:
            continue
    return ", ".join(values)


def _quotient(upper: Any, lower: Any) -> float:
    if not isinstance(upper, Mapping):
        return quantity(upper) / quantity(lower)
    shares = [
        quantity(upper[key]) / quantity(lower[key]) for key in upper if key in lower and quantity(lower[key])
    ]
    if not shares:
        raise Nowhere("no key has both quantities")
    return max(shares)


def _plain(value: Any) -> Value:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return json.dumps(value, sort_keys=True)


def _text(value: Any) -> Value:
    return str(value).lower() if isinstance(value, bool) else _plain(value)
