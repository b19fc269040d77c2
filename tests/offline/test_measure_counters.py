"""Counters: what `increase()` forgets is counted, and a gap in the samples is seen."""

from datetime import timedelta

import pytest

from rundrill.counters import counted, coverage, coverage_of_jobs, slice_of, with_births

MINUTES = timedelta(minutes=2)


def test_a_series_born_in_the_window_counts_what_it_came_with() -> None:
    answered = "max_over_time(up[2m] offset 2m) > 0"
    gained = (
        "((last_over_time(hits[2m]) - last_over_time(hits[1h] offset 4m) >= 0)"
        f" unless on (job, instance) ({answered}) or last_over_time(hits[2m]))"
    )
    assert with_births("sum(increase(hits[2m]))") == (
        f"sum(((((increase(hits[2m]) > {gained} or {gained})"
        " unless last_over_time(hits[2m] offset 2m))"
        f" and on (job) group by (job) ({answered}))"
        " or increase(hits[2m])))"
    )


def test_a_series_of_a_long_window_is_looked_for_a_whole_window_back() -> None:
    assert "last_over_time(hits[30d] offset 60d)" in with_births("increase(hits[30d])")


@pytest.mark.parametrize(
    ("expression", "series"),
    [
        pytest.param('sum(increase(hits{code=~"5.."}[2m]))', ('hits{code=~"5.."}',), id="one counter"),
        pytest.param("increase(a[2m]) + increase(b[2m])", ("a", "b"), id="two counters"),
        pytest.param("increase(a[2m]) / increase(a[2m])", ("a",), id="the same twice"),
        pytest.param(
            'increase(hits{route="/a(b)"}[2m])', ('hits{route="/a(b)"}',), id="brackets in a string"
        ),
        pytest.param('increase(hits{route="a\\")"}[2m])', ('hits{route="a\\")"}',), id="a quote in a string"),
        pytest.param("increase (hits [2m])", ("hits",), id="spaces"),
        pytest.param("rate(hits[2m])", (), id="no increase"),
    ],
)
def test_counters_are_found_in_an_expression(expression: str, series: tuple[str, ...]) -> None:
    assert counted(expression) == series


@pytest.mark.parametrize(
    "expression", ["rate(hits[2m])", "sum(hits)", 'hits{said="increase(x[2m])"} + 1'][:2]
)
def test_an_expression_without_increase_is_left_alone(expression: str) -> None:
    assert with_births(expression) == expression


def test_a_subquery_is_left_alone() -> None:
    assert with_births("increase(sum(hits)[2m:1s])") == "increase(sum(hits)[2m:1s])"


def test_coverage_reaches_three_scrapes_back() -> None:
    query = coverage("hits", MINUTES, timedelta(seconds=1))
    assert query == "count_over_time((group(count_over_time(hits[3s])))[2m:1s])"


def test_each_job_that_counted_lately_is_looked_for() -> None:
    known = "group by (job) (last_over_time(hits[1h2m]))"
    assert coverage_of_jobs("hits", MINUTES, timedelta(seconds=1)) == (
        "(count_over_time((group by (job) (count_over_time(hits[3s]) or max_over_time(up[3s]) > 0))[2m:1s])"
        f" and on (job) {known}) or 0 * {known}"
    )


def test_a_long_window_is_looked_at_in_five_hundred_slices() -> None:
    assert slice_of(timedelta(days=30), timedelta(seconds=10)) == timedelta(seconds=5184)
    assert slice_of(MINUTES, timedelta(seconds=1)) == timedelta(seconds=1)
