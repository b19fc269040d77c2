"""Objectives: the share of good events, the window, the budget."""

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from game_day import NOW, OBJECTIVE, OBJECTIVE_SEEN, evidence, promise

from rundrill.burn import Budget, burn_factor, exhausted_after, fires_after
from rundrill.judge import judge
from rundrill.judge.words import share_text, time_text
from rundrill.profile import Profile
from rundrill.verdict import Outcome

REAL = Profile(objective_window="2m")
MET, MISSED, UNKNOWN = Outcome.MET, Outcome.MISSED, Outcome.UNKNOWN


def verdict(profile=REAL, of=OBJECTIVE, **change):
    return judge(of, evidence(of, replace(OBJECTIVE_SEEN, **change)), profile, NOW)


@pytest.mark.parametrize(
    ("good", "total", "outcome"),
    [
        pytest.param(998, 1000, MISSED, id="one event short of target is missed"),
        pytest.param(999, 1000, MET, id="exactly the target is met"),
        pytest.param(1000, 1000, MET, id="no bad event is met"),
        pytest.param(9989, 10000, MISSED, id="a hair below target is missed"),
        pytest.param(0, 1000, MISSED, id="a total outage is missed"),
        pytest.param(0, 0, UNKNOWN, id="no event at all is unknown"),
        pytest.param(1, 0, UNKNOWN, id="good events among none are unknown"),
        pytest.param(-1, 1000, UNKNOWN, id="fewer than no good events are unknown"),
        pytest.param(1000, -1, UNKNOWN, id="fewer than no events are unknown"),
        pytest.param(1100, 1000, UNKNOWN, id="more good events than events are unknown"),
        pytest.param(math.nan, 1000, UNKNOWN, id="good that is no number is unknown"),
        pytest.param(999, math.nan, UNKNOWN, id="a total that is no number is unknown"),
        pytest.param(math.inf, math.inf, UNKNOWN, id="infinite counters are unknown"),
    ],
)
def test_share_of_good_events(good, total, outcome):
    assert verdict(good=good, total=total).outcome is outcome


@pytest.mark.parametrize(
    ("covered", "outcome"),
    [
        pytest.param(60, UNKNOWN, id="half a window is unknown"),
        pytest.param(113, UNKNOWN, id="94 % of a window is unknown"),
        pytest.param(114, MET, id="95 % of a window is enough"),
        pytest.param(0, UNKNOWN, id="a window without samples is unknown"),
    ],
)
def test_window_must_have_samples(covered, outcome):
    assert verdict(covered=timedelta(seconds=covered)).outcome is outcome


def test_a_shorter_window_than_asked_for_is_unknown():
    seen = verdict(Profile(), window=timedelta(hours=1), covered=timedelta(hours=1))
    assert (seen.outcome, seen.reason) == (UNKNOWN, "only 1 h of the 30 d window has samples")


def test_the_reason_carries_the_figures():
    assert (
        verdict().reason
        == "99.97 % of 12,034 requests over 2 min, promised 99.9 %; 33.2 % of the error budget spent"
    )


def test_a_stand_in_window_is_said():
    assert verdict().notes == ("measured over 2 min, promised over 30 d",)


def test_a_near_miss_is_never_rounded_to_the_target():
    assert verdict(good=99899, total=100000).reason.startswith("99.899 % of 100,000 requests")


def test_nothing_allowed_to_fail_and_something_failed():
    strict = promise("slo.all", "all", objective={"indicator": "errors", "target": "100%", "window": "2m"})
    missed = verdict(of=strict, good=999, total=1000)
    assert (missed.outcome, missed.measured["budget_spent"]) == (MISSED, None)
    assert missed.reason.endswith("1 bad, none allowed")


def test_the_budget_is_in_the_figures():
    measured = verdict(good=998, total=1000).measured
    assert measured["budget_events"] == pytest.approx(1)
    assert measured["budget_spent"] == pytest.approx(2)


@pytest.mark.parametrize(
    ("share", "period", "window", "factor"),
    [
        pytest.param(0.02, timedelta(days=30), timedelta(hours=1), 14.4, id="2 % of 30 days in an hour"),
        pytest.param(0.05, timedelta(days=30), timedelta(hours=6), 6, id="5 % of 30 days in six hours"),
        pytest.param(0.02, timedelta(days=28), timedelta(hours=1), 13.44, id="2 % of 28 days in an hour"),
    ],
)
def test_burn_factors_are_those_of_the_workbook(share, period, window, factor):
    assert burn_factor(share, period, window) == pytest.approx(factor)


def test_an_alert_of_a_low_target_can_never_fire():
    assert fires_after(14.4, 0.93, timedelta(hours=1)) is None
    assert fires_after(14.4, 0.999, timedelta(hours=1)).total_seconds() == pytest.approx(51.84)


def test_a_budget_lasts_its_period_at_rate_one():
    assert Budget(0.99, 990, 1000).burn_rate == pytest.approx(1)
    assert exhausted_after(1, timedelta(days=30)) == timedelta(days=30)
    assert exhausted_after(0, timedelta(days=30)) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.0214, "21 ms"),
        (0.4, "0.4 s"),
        (59.97, "1 min"),
        (60, "1 min"),
        (252, "4 min 12 s"),
        (11100, "3 h 5 min"),
        (-3, "-3 s"),
    ],
)
def test_lengths_of_time_read_well(seconds, text):
    assert time_text(seconds) == text


def test_shares_keep_the_digits_that_tell_them_apart():
    assert share_text(0.9989999, 0.999) == "99.89999 %"
    assert share_text(0.5) == "50 %"


def test_a_service_without_samples_leaves_it_unknown_by_name():
    seen = verdict(covered=timedelta(seconds=30), least_covered="catalog-service")
    assert (seen.outcome, seen.reason) == (
        UNKNOWN,
        "only 30 s of the 2 min window has samples of catalog-service",
    )
