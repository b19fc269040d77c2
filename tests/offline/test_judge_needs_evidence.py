"""Whatever piece of the evidence is taken away, no promise is MET without it."""

import math
import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from game_day import ACCELERATED, MET, NOW, evidence

from rundrill.judge import judge
from rundrill.verdict import Outcome

_OF_A_DRILL = (
    # A hop that is not the fault, the firing, an arrival or a resolved notice explains the way, no more.
    "hops/first_bad_sample", "hops/pending", "hops/alertmanager", "hops/undone", "hops/inactive",
    "hops/recovered_kubernetes", "hops/(first_bad_sample|pending|alertmanager|undone|inactive|recovered_kubernetes).name=",
    "hops/*.source=",
    # One activity of several: what it did shows in proof, undone and hops.
    "steps/*", "steps/*.name=", "steps/*.(started|ended)=**", "steps/*.output=**", "steps/*.action=**",
    # No failed request is what one hopes for, and latencies are an objective's concern.
    "load/*.failed=0", "load/*.latency_s**", "load/*.failures**",
    "other_alerts**", "started=**", "ended=**",
)  # fmt: skip
SHOWN_ONLY = {
    "objective": ("also**",),
    "alert": (
        # The comparison itself is `expr_same`; these are what a reader sees of it.
        "rule.name=", "rule.expr=", "rule.expected_expr=**", "rule.state=", "rule.interval=**",
        "route.(group_wait|group_interval)=**",
        *(f"drill.{pattern}" for pattern in _OF_A_DRILL),
        # How users fared is what drills promise.
        "drill.hops/recovered_users", "drill.hops/recovered_users.name=",
    ),
    "drill": (*_OF_A_DRILL, "quiet_before=(None|False)"),  # no alert is under test
    "state": ("readings/*.subject=", "readings/*.facts.found**", "readings/*.facts.restarts=(0|-1)"),  # 0 is a reading
    "restore": ("taken_at=**", "notes**", "rpo=0:00:00", "tables/*.subject="),
    "capacity": ("phases/*.failed=0", "phases/*.latency_s**", "phases/*.failures**", "phases/*.name=", "lost=0"),
    "attestation": ("note=", "expires_at=2999**"),  # the promise's own `renewed_every` counts as well
}  # fmt: skip
"""Pieces that may be missing, each for a reason; without any other nothing is MET."""
SHOWN_ONLY["channel"] = (*SHOWN_ONLY["alert"], "drill.steady_before=None")


def shown_only(kind: str, path: str) -> bool:
    """`*` is any one name, `**` anything at all."""
    spelled = (
        re.escape(pattern).replace(r"\*\*", ".*").replace(r"\*", "[^.=]*") for pattern in SHOWN_ONLY[kind]
    )
    return any(re.fullmatch(re.sub(r"\\([(|)])", r"\1", pattern), path) for pattern in spelled)


def removals(value: object, path: str = "", optional: bool = False) -> Iterator[tuple[str, object]]:
    """Every way of taking one piece out of a value, however deep, with the path of that piece."""
    if optional and value is not None:
        yield f"{path}=None", None
    if is_dataclass(value) and not isinstance(value, type):
        yield from _from_dataclass(value, path)
    elif isinstance(value, tuple):
        yield from _from_tuple(value, path)
    elif isinstance(value, Mapping):
        yield from _from_mapping(value, path)
    else:
        yield from ((f"{path}={nothing}", nothing) for nothing in _nothings(value))


def _from_dataclass(value: object, path: str) -> Iterator[tuple[str, object]]:
    hints = typing.get_type_hints(type(value))
    for field in fields(value):
        optional = type(None) in typing.get_args(hints[field.name])
        place = f"{path}.{field.name}" if path else field.name
        for where, less in removals(getattr(value, field.name), place, optional):
            yield where, replace(value, **{field.name: less})


def _from_tuple(value: tuple, path: str) -> Iterator[tuple[str, object]]:
    if value:
        yield path, ()
    for index, item in enumerate(value):
        place = f"{path}/{getattr(item, 'name', None) or getattr(item, 'subject', index)}"
        yield place, value[:index] + value[index + 1 :]
        for where, less in removals(item, place):
            yield where, (*value[:index], less, *value[index + 1 :])


def _from_mapping(value: Mapping, path: str) -> Iterator[tuple[str, object]]:
    if value:
        yield path, {}
    for key, item in value.items():
        place = f"{path}.{key}"
        yield place, {name: other for name, other in value.items() if name != key}
        for where, less in removals(item, place, optional=True):
            yield where, {**value, key: less}


def _nothings(value: object) -> tuple[object, ...]:
    """What stands where a measurement found nothing."""
    if isinstance(value, bool):
        return () if value is False else (False,)
    if isinstance(value, float | int):
        return (math.nan, 0.0, -1.0) if isinstance(value, float) else (0, -1)
    if isinstance(value, str):
        return ("",) if value else ()
    if isinstance(value, timedelta):
        return (timedelta(0), timedelta(seconds=-1))
    if isinstance(value, datetime):
        return (datetime(1970, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC))
    return ()


CASES = [
    pytest.param(kind, path, less, id=f"{kind} without {path}")
    for kind, (_, seen) in MET.items()
    for path, less in removals(seen)
    if not shown_only(kind, path)
]


@pytest.mark.parametrize("kind", MET)
def test_whole_evidence_is_met(kind):
    promise, seen = MET[kind]
    verdict = judge(promise, evidence(promise, seen), ACCELERATED, NOW)
    assert verdict.outcome is Outcome.MET, verdict.reason


@pytest.mark.parametrize(("kind", "path", "less"), CASES)
def test_nothing_is_met_with_a_piece_taken_away(kind, path, less):
    promise, _ = MET[kind]
    verdict = judge(promise, evidence(promise, less), ACCELERATED, NOW)
    assert verdict.outcome is not Outcome.MET, f"{kind} is MET without {path}"
    assert verdict.reason


@pytest.mark.parametrize("kind", MET)
def test_no_evidence_at_all_is_unknown(kind):
    assert judge(MET[kind][0], None, ACCELERATED, NOW).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("kind", MET)
def test_evidence_of_another_promise_is_unknown(kind):
    promise, seen = MET[kind]
    other = replace(evidence(promise, seen), promise="shop.other")
    assert judge(promise, other, ACCELERATED, NOW).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("kind", MET)
@pytest.mark.parametrize("other", MET)
def test_evidence_of_another_kind_is_unknown(kind, other):
    promise, seen = MET[kind][0], MET[other][1]
    if type(seen) is not type(MET[kind][1]):
        assert judge(promise, evidence(promise, seen), ACCELERATED, NOW).outcome is Outcome.UNKNOWN
