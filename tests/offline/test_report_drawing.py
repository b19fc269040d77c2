"""Where the report's bars and marks lie."""

from datetime import timedelta

import pytest
from game_day import ACCELERATED, ALERT, ALERT_SEEN, DRILL, DRILL_SEEN, NOW, evidence

from rundrill.judge import judge
from rundrill.judge.hops import hop_words, longest_range
from rundrill.report.bars import against, buckets, on_log_axis
from rundrill.report.experiments import experiment_lines
from rundrill.report.stations import passed
from rundrill.report.timeline import timeline


@pytest.fixture
def drawn():
    return timeline(judge(ALERT, evidence(ALERT, ALERT_SEEN), ACCELERATED, NOW).measured)


def test_every_hop_lies_on_the_axis_in_its_order(drawn):
    ends = [station.end for station in drawn.stations]
    assert ends == sorted(ends)
    assert 0 <= ends[0] <= ends[-1] <= 100
    assert len(ends) == len(ALERT_SEEN.drill.hops)


def test_each_stretch_begins_where_the_last_one_ended(drawn):
    assert [station.start for station in drawn.stations[1:]] == [
        station.end for station in drawn.stations[:-1]
    ]


def test_a_promised_limit_lies_between_the_hops_around_it(drawn):
    (limit,) = drawn.limits
    at = {station.name: station.end for station in drawn.stations}
    assert at["reached chat"] < limit.at < at["undone"]
    assert limit.text == "promised: paged within 18 s"


def test_a_limit_far_away_is_told_and_not_drawn():
    drawn = timeline(judge(DRILL, evidence(DRILL, DRILL_SEEN), ACCELERATED, NOW).measured)
    assert (drawn.limits, drawn.far_limits) == ((), ("promised: users well within 10 min",))


def test_the_fault_is_in_place_until_its_undo(drawn):
    at = {station.name: station.end for station in drawn.stations}
    assert drawn.fault == (at["fault proven"], at["undone"])


def test_nothing_timed_is_nothing_drawn():
    assert timeline({}) is None
    assert timeline({"hops": []}) is None


@pytest.mark.parametrize(
    ("figure", "limit", "over"),
    [
        pytest.param(0, 10, False, id="nothing spent"),
        pytest.param(10, 10, False, id="all of it"),
        pytest.param(10.1, 10, True, id="overrun"),
        pytest.param(10_000, 10, True, id="overrun a thousand times"),
        pytest.param(0, 0, False, id="nothing of nothing"),
    ],
)
def test_a_bar_stays_on_its_track(figure, limit, over):
    bar = against(figure, limit)
    assert 0 <= bar.filled <= 100
    assert 0 <= bar.limit <= 100
    assert (bar.over, bar.filled > bar.limit) == (over, over) or limit == 0


def test_latencies_lie_on_a_logarithmic_axis():
    assert (on_log_axis(0.0001), on_log_axis(0.001), on_log_axis(30), on_log_axis(300)) == (0, 0, 100, 100)
    assert on_log_axis(0.1) - on_log_axis(0.01) == pytest.approx(on_log_axis(10) - on_log_axis(1), abs=0.02)


def test_a_bucket_below_the_promise_is_marked():
    drawn = buckets({"good_per_bucket": [600, 599], "promised_rate_per_s": 100.0, "bucket_s": 6.0})
    assert [column.low for column in drawn.columns] == [False, True]
    assert buckets({"good_per_bucket": []}) is None


@pytest.mark.parametrize(
    ("expression", "length"),
    [
        ("up == 0", 0),
        ("rate(x[30s]) > 0", 30),
        ("rate(x[30s]) / rate(y[1m30s]) > 0", 90),
        ("x[5m] offset 1h", 300),
    ],
)
def test_the_longest_range_of_an_expression(expression, length):
    assert longest_range(expression) == timedelta(seconds=length)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fault_proven", "fault proven"),
        ("witness:chat", "reached chat"),
        ("resolved:chat", "resolved at chat"),
        ("firing", "firing"),
        ("then:shop.procedure.restart:0", "done"),
        ("not-then:shop.procedure.restart:1", "not done (2)"),
    ],
)
def test_hops_have_words(name, words):
    assert hop_words(name) == words


def hop(name, after_s):
    return {"name": name, "after_s": after_s}


def test_stations_alike_in_a_row_are_one_with_their_number():
    hops = [hop("fault_proven", 0.0), hop("fault_proven", 8.5), hop("undone", 20.1), hop("undone", 20.1)]
    first, last = passed([hop("seen", None), *hops, hop("fault_proven", 9.0)])
    assert (first.words, first.when) == ("3 × fault proven", "0 s to 9 s")
    assert (last.words, last.when) == ("2 × undone", "20.1 s")


def test_stations_alike_with_another_between_them_are_two():
    hops = [hop("fault_proven", 0.0), hop("undone", 5.0), hop("fault_proven", 9.0)]
    assert [one.words for one in passed(hops)] == ["fault proven", "undone", "fault proven"]
    drawn = timeline({"hops": [*hops, hop("undone", 12.0), hop("undone", 14.0)]})
    assert [(one.name, one.after) for one in drawn.stations][-1] == ("2 × undone", "12 s to 14 s")


def test_an_experiment_is_one_line_whatever_rests_on_it():
    alert = judge(ALERT, evidence(ALERT, ALERT_SEEN), ACCELERATED, NOW)
    drill = judge(DRILL, evidence(DRILL, ALERT_SEEN.drill), ACCELERATED, NOW)
    rows = [
        {"id": one.promise, "verdict": one.outcome.value, "measured": dict(one.measured)}
        for one in (alert, drill)
    ]
    (line,) = experiment_lines([*rows, {"id": "a.state", "verdict": "MET", "measured": {"readings": []}}])
    assert line.promises == (alert.promise, drill.promise)
    assert line.detected_s == alert.measured["detected_after_s"]
    assert line.paged_s == alert.measured["notified_after_s"]
    assert line.recovered_s == drill.measured["recovered_after_s"]


def test_without_users_an_experiment_is_over_with_the_last_of_what_must_be_so():
    hops = [
        {"name": "undone", "after_s": 4.0},
        {"name": "then:a.b:0", "after_s": 5.0},
        {"name": "then:a.b:1", "after_s": 7.5},
    ]
    measured = {"experiment": "x", "hops": hops, "proof": "seen", "recovered_after_s": None}
    (line,) = experiment_lines([{"id": "a.b", "verdict": "MET", "measured": measured}])
    assert (line.detected_s, line.undone_s, line.recovered_s) == (None, 4.0, 7.5)
