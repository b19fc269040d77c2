"""From when on a game day can be measured fairly."""

from datetime import UTC, datetime, timedelta

import pytest

from rundrill.gameday import last_disturbed

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
