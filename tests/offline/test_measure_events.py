"""Of the events of a namespace only those count that are asked for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rundrill.measure.happenings import _asked_for
from rundrill.probe import EventsProbe

CRASH: dict[str, Any] = {
    "type": "Warning",
    "reason": "BackOff",
    "involvedObject": {"kind": "Pod", "name": "shop-7d9f-abcde"},
    "lastTimestamp": datetime(2026, 11, 21, 12, tzinfo=UTC).isoformat(),
}
YOUNG = timedelta(seconds=30)


@pytest.mark.parametrize(
    ("asked", "counts"),
    [
        pytest.param({}, True, id="nothing but the namespace"),
        pytest.param({"type": "Warning", "reason": "BackOff", "about": "^Pod/shop-"}, True, id="all of it"),
        pytest.param({"type": "Normal"}, False, id="another type"),
        pytest.param({"reason": "FailedMount"}, False, id="another reason"),
        pytest.param({"about": "^Pod/bank-"}, False, id="another object"),
        pytest.param({"since": "20s"}, False, id="too old"),
        pytest.param({"since": "30s"}, True, id="just young enough"),
    ],
)
def test_an_event_counts_when_all_that_is_asked_for_is_so(asked: dict[str, str], counts: bool) -> None:
    probe = EventsProbe.model_validate({"namespace": "shop", **asked})
    assert _asked_for(probe, CRASH, YOUNG) is counts
