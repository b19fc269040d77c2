"""From when on a game day can be measured fairly."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rundrill import gameday
from rundrill.gameday import last_disturbed
from rundrill.policy import Gameday, load_policy
from rundrill.selection import names_of

ROOT = Path(__file__).resolve().parents[2]
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def pod(at: datetime, ready: str = "True", owner: str = "ReplicaSet") -> dict:
    condition = {"type": "Ready", "status": ready, "lastTransitionTime": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
    return {"metadata": {"ownerReferences": [{"kind": owner}]}, "status": {"conditions": [condition]}}


LATER = NOON + timedelta(minutes=3)


@pytest.mark.parametrize(
    ("closed", "pods", "last"),
    [
        pytest.param(None, [], None, id="nothing ever happened"),
        pytest.param(NOON, [], NOON, id="the last drill counts"),
        pytest.param(NOON, [pod(LATER)], LATER, id="a later roll-out counts"),
        pytest.param(LATER, [pod(NOON)], LATER, id="a later drill counts"),
        pytest.param(None, [pod(NOON), pod(LATER)], LATER, id="the youngest pod counts"),
        pytest.param(NOON, [pod(LATER, owner="Job")], NOON, id="a backup's pod serves nobody"),
        pytest.param(NOON, [pod(LATER, ready="False")], NOON, id="a pod that is not ready is told elsewhere"),
        pytest.param(NOON, [{"metadata": {}}], NOON, id="a pod without a status yet"),
    ],
)
def test_users_last_felt_a_change_at(closed, pods, last):
    assert last_disturbed(closed, pods) == last


def test_who_waits_for_samples_that_do_not_come_is_told_when_that_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gameday, "TELL_EVERY", timedelta(seconds=0.6))
    session: Any = SimpleNamespace(profile=SimpleNamespace(objective_window=timedelta(seconds=2)))
    said: list[str] = []
    gameday.wait_until_full(session, lambda: timedelta(seconds=1), said.append)
    assert said[0] == "waiting 3 s at most until the objectives' window is full of samples; 1 s of it are not"
    assert said[-1].startswith(("waiting 1 s at most", "waiting 0 s at most")), said


def test_a_game_day_is_of_one_runbook_or_of_several() -> None:
    assert Gameday(runbook="shop").slugs == ("shop",)
    assert Gameday(runbooks=("shop", "bank")).slugs == ("shop", "bank")


@pytest.mark.parametrize("words", [{}, {"runbook": "shop", "runbooks": ("bank",)}])
def test_a_game_day_of_nothing_or_of_both_is_refused(words: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="neither or both of runbook and runbooks"):
        Gameday.model_validate(words)


def test_a_game_day_that_names_no_experiments_has_all_that_are_written() -> None:
    policy = load_policy(ROOT / "slo.yaml")
    planned = {name for runbook in policy.runbooks for name in runbook.planned.experiments}
    written = {name for one in policy.promises for name in names_of(one)[1:] if not one.capacity} - planned
    assert set(policy.gamedays["everything"].experiments) == written
    assert len(policy.gamedays["everything"].experiments) == len(written)
