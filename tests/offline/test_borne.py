"""An alert whose sides bear different labels waits anew when one takes over: its text alone shows it."""

import promql_parser
import pytest

from rundrill.borne import borne, uneven


@pytest.mark.parametrize(
    ("expression", "labels"),
    [
        ("sum(x)", set()),
        ("sum by (job, pod) (x) == 0", {"job", "pod"}),
        ("-(max by (job) (x))", {"job"}),
        ("time() - max(x) > 3600", set()),
        ("sum by (a) (x) / sum by (a) (y) > 0.5", {"a"}),
        ('absent(up{job="a", pod=~"b.*", node="c"})', {"job", "node"}),
        ('absent(up{job="a", job!="b"})', set()),
        ('absent({__name__="up", job="a"})', {"job"}),
        ('absent(up{job="a"} == 1)', set()),
        ('absent_over_time(up{job="a"}[5m])', {"job"}),
        ("vector(1)", set()),
        ("100 - sum by (a) (x)", {"a"}),
    ],
)
def test_what_the_text_tells_of_the_labels(expression: str, labels: set[str]) -> None:
    assert borne(promql_parser.parse(expression)) == labels


@pytest.mark.parametrize(
    "expression",
    [
        "up",
        "rate(x[5m])",
        "topk by (a) (1, x)",
        "sum without (a) (x)",
        "sum by (a) (x) / on () sum(y)",
        "up == 0",
    ],
)
def test_what_only_a_server_can_tell_is_left_open(expression: str) -> None:
    assert borne(promql_parser.parse(expression)) is None


@pytest.mark.parametrize(
    "expression",
    [
        'max(x) == 0 or absent(x{kind="d"})',
        '(sum(up{job="a"}) == 0) or absent(up{job="a"})',
        'sum by (job) (x) == 0 or (absent(x{job="a"}) or max(y) > 1)',
    ],
)
def test_sides_that_bear_different_labels_are_named(expression: str) -> None:
    sides = uneven(expression)
    assert any(side.startswith(("no label by max(", "no label by sum(")) for side in sides)
    assert any(side.startswith("{") for side in sides)


@pytest.mark.parametrize(
    "expression",
    [
        '(sum by (job) (up{job="a"}) == 0) or absent(up{job="a"})',
        "node_a > 0.85 or kubelet_b > 0.85",
        "sum by (a) (x) > 1 or up == 0 or max by (a) (y) > 1",
        "sum(x) > 1",
    ],
)
def test_sides_that_agree_or_cannot_be_known_are_no_finding(expression: str) -> None:
    assert uneven(expression) == ()
