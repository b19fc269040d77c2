"""A number is read with its unit, or refused with the form that was expected."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from rundrill.units import duration, duration_text, quantity, rate, ratio, ratio_text, size


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("2m", timedelta(minutes=2)),
        ("200ms", timedelta(milliseconds=200)),
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("1s500ms", timedelta(milliseconds=1500)),
        ("30d", timedelta(days=30)),
        ("2w", timedelta(days=14)),
        ("0s", timedelta(0)),
    ],
)
def test_a_duration_is_read(text: str, length: timedelta) -> None:
    assert duration(text) == length


@pytest.mark.parametrize(
    "text", ["", "5", "5x", "m", "30m1h", "5m5m", "-5m", " 5m", "5 m", "1y", 5, 5.0, None, True, ["5m"]]
)
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"is not a duration \(try 5m\)"):
        duration(text)


@pytest.mark.parametrize("text", ["2m", "1h30m", "1s500ms", "30d", "0s", "12s", "1d12h"])
def test_a_duration_is_written_as_it_was_read(text: str) -> None:
    assert duration_text(duration(text)) == text


def test_a_share_is_the_nearest_number_to_what_is_written() -> None:
    # 99.9 / 100 in floating point is more than 0.999, and 999 of 1000 would miss it.
    assert ratio("99.9%") == 0.999
    assert ratio("99.9%") <= 999 / 1000


@pytest.mark.parametrize("text", ["99.9", "101%", "-1%", "99.9 %", "%", 99.9, 1, None, True])
def test_what_is_no_share_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"is not a share \(try 99.9%\)"):
        ratio(text)


def test_a_fraction_is_refused_with_the_share_it_meant() -> None:
    with pytest.raises(ValueError, match=r"'0.999' is not a share \(try 99.9%\)"):
        ratio(0.999)


@pytest.mark.parametrize("text", ["99.9%", "0.1%", "100%", "5%", "0%", "99.95%"])
def test_a_share_is_written_as_it_was_read(text: str) -> None:
    assert ratio_text(ratio(text)) == text


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("256Mi", 2**28),
        ("256MB", 256_000_000),
        ("1Gi", 2**30),
        ("20B", 20),
        ("1.5Ki", 1536),
        ("4GB", 4 * 10**9),
    ],
)
def test_a_size_is_read(text: str, count: int) -> None:
    assert size(text) == count


@pytest.mark.parametrize("text", ["256", "256mb", "Mi", 256, None])
def test_what_is_no_size_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"is not a size \(try 256Mi\)"):
        size(text)


@pytest.mark.parametrize(("text", "per_second"), [("10000/1m", 10000 / 60), ("5/s", 5.0), ("30/10s", 3.0)])
def test_a_rate_is_read(text: str, per_second: float) -> None:
    assert rate(text).per_second == per_second


@pytest.mark.parametrize("text", ["10000", "10000/", "/m", "10000/0s", "many/m", 10000])
def test_what_is_no_rate_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"is not a (rate|duration)"):
        rate(text)


@pytest.mark.parametrize(
    ("text", "number"), [(3, 3.0), (0.5, 0.5), ("85%", 0.85), ("1s", 1.0), ("24h", 86400.0), ("1Mi", 2.0**20)]
)
def test_a_limit_on_a_fact_is_a_count_or_has_a_unit(text: object, number: float) -> None:
    assert quantity(text) == number


@pytest.mark.parametrize("text", ["3", "fast", True, None])
def test_what_is_no_quantity_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        quantity(text)


@pytest.mark.parametrize("read", [duration, ratio, size, rate, quantity])
def test_a_refusal_quotes_what_was_found(read: Callable[[object], object]) -> None:
    with pytest.raises(ValueError, match="'nonsense' is no"):
        read("nonsense")
