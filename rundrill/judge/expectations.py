"""Whether one fact is what a policy expects of it."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import timedelta

from rundrill.evidence import Value
from rundrill.judge.words import time_text
from rundrill.probe import Expectation

type Facts = Mapping[str, Value]


class Unreadable(Exception):
    """A fact that is there and cannot be compared, such as NaN or a word where a number was expected."""


def broken(fact: str, expectation: Expectation, facts: Facts) -> str | None:
    """`found X, expected Y` where the fact breaks the expectation, None where it holds; Unreadable where nobody can say.

    The fact must be among the facts; one that is there and null was looked for and is not set.
    """
    found = facts[fact]
    if found is None:
        return f"is not set, expected {expected_text(expectation)}"
    faults = [said for said in (rule(found, expectation, facts) for rule in _RULES) if said is not None]
    return f"is {_shown(found, expectation)}, expected {' and '.join(faults)}" if faults else None


def expected_text(expectation: Expectation) -> str:
    """What is expected, in words: `at least 3 and below 10`."""
    words = {
        "equals": "",
        "same_as": "the same as ",
        "younger_than": "younger than ",
        "matches": "to match ",
    }
    said = []
    for name in expectation.model_fields_set:
        value = getattr(expectation, name)
        text = time_text(value) if isinstance(value, timedelta) else _plain(value)
        said.append(words.get(name, name.replace("_", " ") + " ") + text)
    return " and ".join(said)


def same(found: Value, expected: Value) -> bool:
    """Equality across JSON and text: `"3"` is 3 and `"true"` is true, but 1 is not true, nor is version `1.10` `1.1`."""
    if isinstance(found, bool) or isinstance(expected, bool):
        return _truth(found) is not None and _truth(found) == _truth(expected)
    if isinstance(found, str) and isinstance(expected, str):
        return found == expected
    left, right = _number_or_none(found), _number_or_none(expected)
    if left is not None and right is not None:
        return left == right
    return str(found) == str(expected)


def _equals(found: Value, expectation: Expectation, _: Facts) -> str | None:
    if expectation.equals is None:
        return None
    if isinstance(found, float) and math.isnan(found):
        raise Unreadable("is not a number")
    return None if same(found, expectation.equals) else _plain(expectation.equals) or "nothing"


def _same_as(found: Value, expectation: Expectation, facts: Facts) -> str | None:
    if expectation.same_as is None:
        return None
    other = facts.get(expectation.same_as)
    if other is None:
        raise Unreadable(f"cannot be compared: {expectation.same_as} was not read")
    return None if same(found, other) else f"the same as {expectation.same_as} ({_plain(other)})"


def _matches(found: Value, expectation: Expectation, _: Facts) -> str | None:
    if expectation.matches is None or re.search(expectation.matches, str(found)):
        return None
    return f"to match {expectation.matches}"


def _younger(found: Value, expectation: Expectation, _: Facts) -> str | None:
    if expectation.younger_than is None:
        return None
    age = _number(found)
    if math.isinf(age):
        raise Unreadable("has no end, which is no age")
    if age < 0:
        raise Unreadable(f"has a time in the future ({time_text(age)})")
    return (
        None
        if age < expectation.younger_than.total_seconds()
        else f"younger than {time_text(expectation.younger_than)}"
    )


def _limit(
    name: str, holds: Callable[[float, float], bool]
) -> Callable[[Value, Expectation, Facts], str | None]:
    def rule(found: Value, expectation: Expectation, _: Facts) -> str | None:
        limit = getattr(expectation, name)
        if limit is None or holds(_number(found), limit):
            return None
        return f"{name.replace('_', ' ')} {_plain(limit)}"

    return rule


_RULES = (
    _equals,
    _same_as,
    _limit("at_least", lambda found, limit: found >= limit),
    _limit("at_most", lambda found, limit: found <= limit),
    _limit("below", lambda found, limit: found < limit),
    _limit("above", lambda found, limit: found > limit),
    _matches,
    _younger,
)


def _number(found: Value) -> float:
    number = _number_or_none(found)
    if number is None or isinstance(found, bool) or math.isnan(number):
        raise Unreadable(f"is {_plain(found)}, which is not a number")
    return number


def _number_or_none(value: Value) -> float | None:
    try:
        return float(value) if isinstance(value, str | int | float) else None
    except ValueError:
        return None


def _truth(value: Value) -> bool | None:
    return {"true": True, "false": False}.get(str(value).lower())


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else str(value)


def _shown(found: Value, expectation: Expectation) -> str:
    if expectation.younger_than is not None:
        return time_text(_number(found)) + " old"
    text = _plain(found)
    # Where the very text is asked for, its last line break may be the fault.
    text = (text if expectation.equals is not None else text.strip()) or "empty"
    return text if len(text) <= 120 else text[:117] + "..."
