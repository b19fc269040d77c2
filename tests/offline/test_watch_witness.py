"""A notification is an alert's arrival or its end only by what it says of that very alert."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rundrill import hops
from rundrill.policy import load_policy
from rundrill.session import Session
from rundrill.watch import Watch

ROOT = Path(__file__).resolve().parents[2]
DOWN = "aic-aipaas.alert.service-down"
PAGER = "pagerduty-critical"
SINCE = datetime(2026, 1, 5, 10, tzinfo=UTC)


def alert(status: str | None, promise: str = DOWN, job: str = "auth-service") -> dict[str, Any]:
    return {"status": status, "labels": {"alertname": "ServiceDown", "promise": promise, "job": job}}


def stations(tmp_path: Path, *notices: dict[str, Any]) -> list[str]:
    """What is noted of these notifications, oldest first."""
    kept = [
        {"channel": PAGER, "arrived_at": f"2026-01-05T10:00:0{n}+00:00", **one}
        for n, one in enumerate(notices)
    ]
    witness = SimpleNamespace(notifications=lambda **_: kept)
    session = SimpleNamespace(witness=lambda slug: witness, slug=lambda promise: "aic-aipaas")
    promise = load_policy(ROOT / "slo.yaml").promise(DOWN)
    Watch(cast(Session, session), promise, tmp_path, SINCE, of={"job": "auth-service"})._witness()
    return [hop.name for hop, _ in hops.noted(tmp_path)]


def test_an_alert_arrives_and_is_resolved(tmp_path: Path) -> None:
    fired = {"status": "firing", "alerts": [alert("firing")]}
    ended = {"status": "resolved", "alerts": [alert("resolved")]}
    assert stations(tmp_path, fired, ended) == [f"witness:{PAGER}", f"resolved:{PAGER}"]


@pytest.mark.parametrize(
    "notice",
    [
        pytest.param(
            {"status": "firing", "alerts": [alert("resolved"), alert("firing", "another")]},
            id="another alert of the group fires",
        ),
        pytest.param({"status": "firing", "alerts": [alert("firing", "another")]}, id="another promise"),
        pytest.param(
            {"status": "firing", "alerts": [alert("firing", job="catalog-service")]},
            id="another service is down",
        ),
        pytest.param({"status": "firing", "alerts": [alert(None)]}, id="no status of its own"),
    ],
)
def test_a_notification_that_does_not_say_that_it_fires_is_no_arrival(
    tmp_path: Path, notice: dict[str, Any]
) -> None:
    assert stations(tmp_path, notice) == []


def test_a_notification_that_does_not_say_that_it_ended_is_no_end(tmp_path: Path) -> None:
    fired = {"status": "firing", "alerts": [alert("firing")]}
    assert stations(tmp_path, fired, {"status": None, "alerts": [alert(None)]}) == [f"witness:{PAGER}"]


def test_a_mail_that_tells_no_labels_counts_by_its_name(tmp_path: Path) -> None:
    mail = {"status": "firing", "alerts": [{"status": "firing", "labels": {"alertname": "ServiceDown"}}]}
    assert stations(tmp_path, mail) == [f"witness:{PAGER}"]
