"""States: every expectation of every subject."""

import math

import pytest
from game_day import ACCELERATED, NOW, STATE, evidence, promise

from rundrill.evidence import Reading, StateSeen
from rundrill.judge import judge
from rundrill.verdict import Outcome

MET, MISSED, UNKNOWN = Outcome.MET, Outcome.MISSED, Outcome.UNKNOWN


def one(expect, facts):
    """The verdict on one subject."""
    state = promise(
        "config.one", "one", state={"probe": {"postgres-setting": {"setting": "x"}}, "expect": expect}
    )
    return judge(state, evidence(state, StateSeen((Reading("it", facts),))), ACCELERATED, NOW)


def nodes(*readings):
    seen = StateSeen(tuple(Reading(name, facts) for name, facts in readings))
    return judge(STATE, evidence(STATE, seen), ACCELERATED, NOW)


GOOD = {"ready": True, "restarts": 0}


@pytest.mark.parametrize(
    ("expect", "found", "outcome"),
    [
        pytest.param({"equals": "256MB"}, "256MB", MET, id="the same text"),
        pytest.param({"equals": "256MB"}, "128MB", MISSED, id="another text"),
        pytest.param({"equals": ""}, "ServiceAccount", MISSED, id="something where nothing was expected"),
        pytest.param({"equals": ""}, "", MET, id="nothing where nothing was expected"),
        pytest.param({"equals": 3}, "3", MET, id="a number in words"),
        pytest.param({"equals": 3}, 3.0, MET, id="a whole number with a point"),
        pytest.param({"equals": "1.1"}, "1.10", MISSED, id="two texts are not numbers"),
        pytest.param({"equals": 1.1}, "1.1", MET, id="a fraction in words"),
        pytest.param({"equals": True}, 1, MISSED, id="one is not true"),
        pytest.param({"equals": True}, "true", MET, id="true in words"),
        pytest.param({"equals": 0}, False, MISSED, id="false is not zero"),
        pytest.param({"equals": 0}, 0, MET, id="zero is zero"),
        pytest.param({"equals": 1}, math.nan, UNKNOWN, id="no number equals nothing"),
        pytest.param({"younger_than": "1h"}, math.inf, UNKNOWN, id="an age without an end"),
        pytest.param({"younger_than": "1h"}, math.nan, UNKNOWN, id="an age that is no number"),
        pytest.param({"at_most": 3}, math.inf, MISSED, id="more than any limit"),
        pytest.param({"at_least": 3}, 2, MISSED, id="one too few"),
        pytest.param({"at_least": 3}, 3, MET, id="just enough"),
        pytest.param({"at_most": 3}, 4, MISSED, id="one too many"),
        pytest.param({"at_most": 3}, "3", MET, id="at most, in words"),
        pytest.param({"below": 0.8}, 0.8, MISSED, id="the limit itself is not below it"),
        pytest.param({"above": 0}, 0, MISSED, id="the limit itself is not above it"),
        pytest.param({"above": 0, "below": 2}, 1, MET, id="between two limits"),
        pytest.param({"at_most": 3}, math.nan, UNKNOWN, id="a limit and no number"),
        pytest.param({"at_most": 3}, "many", UNKNOWN, id="a limit and a word"),
        pytest.param({"at_least": 1}, True, UNKNOWN, id="a limit and a truth"),
        pytest.param({"matches": "^PONG"}, "PONG", MET, id="a match"),
        pytest.param({"matches": "^PONG"}, "LOADING", MISSED, id="no match"),
        pytest.param({"younger_than": "1h"}, 3599, MET, id="a second younger"),
        pytest.param({"younger_than": "1h"}, 3600, MISSED, id="just that old is not younger"),
        pytest.param({"younger_than": "1h"}, -5, UNKNOWN, id="from the future"),
        pytest.param({"equals": "on"}, None, MISSED, id="looked for and not set"),
        pytest.param({"same_as": "other"}, "b", MISSED, id="another fact differs"),
        pytest.param({"same_as": "other"}, "a", MET, id="another fact is the same"),
        pytest.param({"same_as": "gone"}, "a", UNKNOWN, id="another fact is not there"),
    ],
)
def test_an_expectation(expect, found, outcome):
    assert one({"value": expect}, {"value": found, "other": "a"}).outcome is outcome


def test_nothing_to_look_at_is_unknown():
    assert (nodes().outcome, nodes().reason) == (UNKNOWN, "there was nothing to look at")


def test_a_fact_that_was_not_read_is_unknown_and_named():
    found = nodes(("a", GOOD), ("b", {"ready": True}))
    assert (found.outcome, found.reason) == (UNKNOWN, "b: restarts was not read")


def test_a_fault_outweighs_a_gap():
    found = nodes(("a", {"ready": False, "restarts": 0}), ("b", {"ready": True}))
    assert (found.outcome, found.reason) == (MISSED, "a: ready is false, expected true")


def test_a_subject_that_is_not_there_is_missed():
    assert nodes(("a", GOOD), ("b", {"found": False})).reason == "b is not there"


def test_fewer_subjects_than_promised_are_missed():
    assert (nodes(("a", GOOD)).outcome, nodes(("a", GOOD)).reason) == (MISSED, "1 found, expected at least 2")


def test_every_subject_counts():
    assert nodes(("a", GOOD), ("b", GOOD), ("c", {"ready": True, "restarts": 9})).outcome is MISSED


def test_a_promise_that_expects_nothing_proves_nothing():
    """The policy refuses such an entry; the judge does not rely on that."""
    vain = STATE.model_copy(update={"state": STATE.state.model_copy(update={"expect": {}})})
    seen = StateSeen((Reading("a", GOOD), Reading("b", GOOD)))
    assert judge(vain, evidence(vain, seen), ACCELERATED, NOW).outcome is UNKNOWN


def test_absence_can_be_promised():
    assert one({"found": {"equals": False}}, {"found": False}).outcome is MET
    assert one({"found": {"equals": False}}, {"found": True}).outcome is MISSED


def test_a_last_line_break_is_shown_only_where_it_may_be_the_fault():
    reason = one({"stdout": {"matches": "^whole$"}}, {"stdout": "no archive\n"}).reason
    assert "is no archive, expected to match" in reason
    assert "is whole\n, expected whole" in one({"stdout": {"equals": "whole"}}, {"stdout": "whole\n"}).reason


def test_the_reason_shows_what_was_found():
    assert one({"value": {"equals": "256MB"}}, {"value": "128MB"}).reason == "it is 128MB, expected 256MB"
    assert one({"pending": {"equals": False}}, {"pending": False}).reason == "it: pending is false"


def several(*seen):
    """The verdict on one question that holds and what was seen of further ones."""
    probe, expect = {"postgres-setting": {"setting": "x"}}, {"value": {"equals": 1}}
    also = [{"probe": probe, "expect": expect} for _ in seen]
    state = promise("config.many", "many", state={"probe": probe, "expect": expect, "also": also})
    first = StateSeen((Reading("first", {"value": 1}),), also=tuple(one for one in seen if one))
    return judge(state, evidence(state, first), ACCELERATED, NOW)


HOLDS, BROKEN = (StateSeen((Reading("it", {"value": value}),)) for value in (1, 2))
GAP = StateSeen((), gap="the server is not there")


@pytest.mark.parametrize(
    ("seen", "outcome", "reason"),
    [
        pytest.param((HOLDS,), MET, "first: value is 1; it: value is 1", id="both hold"),
        pytest.param((BROKEN,), MISSED, "it is 2, expected 1", id="the further one does not"),
        pytest.param((GAP,), UNKNOWN, "the server is not there", id="the further one was not answered"),
        pytest.param((GAP, BROKEN), MISSED, "it is 2, expected 1", id="a fault outweighs a gap"),
        pytest.param(
            (HOLDS, None), UNKNOWN, "a question of the promise was not asked", id="one was not asked"
        ),
        pytest.param(
            (StateSeen(()),), UNKNOWN, "there was nothing to look at", id="the further one found nothing"
        ),
    ],
)
def test_every_question_of_a_promise_must_hold(seen, outcome, reason):
    verdict = several(*seen)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)
