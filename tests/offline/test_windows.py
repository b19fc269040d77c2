"""When faults may begin."""

from datetime import UTC, date, datetime, time

import pytest
from pydantic import ValidationError

from rundrill.windows import Freeze, Hours, closed

FRIDAY = datetime(2027, 1, 29, 1, 30, tzinfo=UTC)
HOLIDAYS = Freeze(first=date(2026, 12, 20), last=date(2027, 1, 3), reason="nobody is there")
NIGHT = Hours.model_validate({"days": ["thu"], "from": "22:00", "until": "04:00"})


def test_without_any_window_faults_may_begin_always() -> None:
    assert closed((), (), "shop", FRIDAY) is None


@pytest.mark.parametrize("day", ["2026-12-20", "2027-01-01", "2027-01-03"])
def test_no_fault_begins_on_a_frozen_day_and_the_refusal_says_why(day: str) -> None:
    now = datetime.combine(date.fromisoformat(day), time(23, 59), UTC)
    assert "nobody is there" in str(closed([HOLIDAYS], (), "shop", now))


@pytest.mark.parametrize("day", ["2026-12-19", "2027-01-04"])
def test_the_days_beside_a_freeze_are_free(day: str) -> None:
    now = datetime.combine(date.fromisoformat(day), time(12, 0), UTC)
    assert closed([HOLIDAYS], (), "shop", now) is None


def test_hours_of_one_evening_reach_into_the_next_morning() -> None:
    assert closed((), [NIGHT], "shop", FRIDAY) is None
    assert closed((), [NIGHT], "shop", FRIDAY.replace(hour=4, minute=0)) is not None
    assert closed((), [NIGHT], "shop", FRIDAY.replace(hour=23)) is not None


def test_hours_of_another_runbook_bind_nobody_else() -> None:
    other = NIGHT.model_copy(update={"runbook": "bank"})
    noon = FRIDAY.replace(hour=12)
    assert closed((), [other], "shop", noon) is None
    assert "thu 22:00-04:00 UTC" in str(closed((), [other], "bank", noon))


def test_a_time_of_day_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="such as 02:00"):
        Hours.model_validate({"from": "25:00", "until": "04:00"})
