"""Whether what the forms did shows the defect; pure."""

from collections.abc import Mapping
from typing import Any

from rundrill.defect import Forms, Numbers, Side
from rundrill.errors import NoEvidence
from rundrill.evidence import Value
from rundrill.judge.expectations import Unreadable, broken
from rundrill.judge.words import count_text, share_text, size_text, time_text
from rundrill.probe import Expectation

type Facts = Mapping[str, Value]
LONGEST = 220


def facts_of(done: Mapping[str, Any]) -> dict[str, Value]:
    """The facts that `gives` may name, of what a form did."""
    lines = [line for line in str(done["stdout"]).splitlines() if line.strip()]
    return {
        **{name: done[name] for name in ("exit", "stdout", "stderr", "took", "timed_out")},
        "lines": len(lines),
    }


def unlike(facts: Facts, gives: Mapping[Any, Expectation]) -> str | None:
    """How what a form did differs from what it should give; None where it does not."""
    faults = []
    for name, expectation in gives.items():
        try:
            fault = broken(name, expectation, facts)
        except Unreadable as gap:
            fault = str(gap)
        faults += [f"{name} {fault}"] if fault else []
    return "; ".join(faults) or None


def verdict(forms: Forms, literal: Facts, intended: Facts) -> str | None:
    """Why the defect is not shown; None where it is: each form as said, and the literal one not as intended."""
    if fault := unlike(literal, forms.literal_gives):
        return f"the literal form did something else: {fault}"
    if fault := unlike(intended, forms.intended_gives):
        return f"the intended form did something else: {fault}"
    if unlike(literal, forms.intended_gives) is None:
        return "the literal form did what the intended one should: there is no difference"
    return None


def seen(facts: Facts) -> str:
    """What a form did, in one line."""
    said = [f"ended with {facts['exit']}"] if not facts["timed_out"] else ["never ended"]
    for name in ("stdout", "stderr"):
        text = " ".join(str(facts[name]).split())
        said += [f"{name}: {text if len(text) <= LONGEST else text[: LONGEST - 3] + '...'}"] if text else []
    return "; ".join(said) if len(said) > 1 else f"{said[0]}, and wrote nothing"


_HOLDS = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    "=": lambda left, right: left == right,
    ">=": lambda left, right: left >= right,
    ">": lambda left, right: left > right,
}


def figure(side: Side) -> float:
    """The value of one side, as it stands or as it is worked out."""
    if side.value is not None:
        return side.value
    if side.sum:
        return sum(side.sum)
    whole = 1.0
    for part in side.product:
        whole *= part
    return whole


def contradiction(numbers: Numbers) -> tuple[str, str]:
    """Both sides in words; NoEvidence where they do not contradict each other."""
    left, right = figure(numbers.left), figure(numbers.right)
    if _HOLDS[numbers.must_be](left, right):
        raise NoEvidence(
            f"{_printed(left, numbers.unit)} {numbers.must_be} {_printed(right, numbers.unit)} holds: no contradiction"
        )
    return _worked_out(numbers.left, numbers.unit), _worked_out(numbers.right, numbers.unit)


def _worked_out(side: Side, unit: str) -> str:
    whole = _printed(figure(side), unit)
    parts = side.sum or side.product
    sign = " + " if side.sum else " × "
    shown = f" ({sign.join(_printed(part, unit if side.sum else '') for part in parts)})" if parts else ""
    return f"{side.says}: {whole}{shown}"


def _printed(number: float, unit: str) -> str:
    match unit:
        case "time":
            return time_text(number)
        case "share":
            return share_text(number)
        case "size":
            return size_text(int(number))
    return count_text(number) if number == int(number) else f"{number:g}"
