"""Why nobody stands by is said in the undoer's own last words."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from kube_in_memory import KubeInMemory

from rundrill import standby
from rundrill.errors import TargetError
from rundrill.lease import NAMESPACE
from rundrill.session import Session


def crashing(message: str, exit_code: int) -> dict[str, Any]:
    return {
        "metadata": {"name": "undoer-r1-x", "labels": {standby.LABEL: "r1"}},
        "spec": {},
        "status": {
            "containerStatuses": [
                {
                    "state": {
                        "waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s restarting"}
                    },
                    "lastState": {"terminated": {"exitCode": exit_code, "message": message}},
                }
            ]
        },
    }


@pytest.fixture
def kube(monkeypatch: pytest.MonkeyPatch) -> KubeInMemory:
    monkeypatch.setattr(standby, "READY_WITHIN", timedelta(0))
    monkeypatch.setattr(standby, "_packed", lambda policy: {})
    kube = KubeInMemory()
    kube.create("v1/ConfigMap", NAMESPACE, {"metadata": {"name": standby.IMAGE}, "data": {"image": "i"}})
    return kube


def stand_ready(kube: KubeInMemory) -> str:
    session = SimpleNamespace(
        kube=kube, policy=SimpleNamespace(path=None), target=SimpleNamespace(url="kube://drill")
    )
    return standby.stand_ready(cast(Session, session), "r1")


def test_an_undoer_that_cannot_read_the_policy_is_quoted(kube: KubeInMemory) -> None:
    kube.create("v1/Pod", NAMESPACE, crashing("Traceback\nrunbooks/a.yaml:8: unknown key\n", 1))
    with pytest.raises(TargetError, match=r"unknown key.*`rundrill up` places a new one"):
        stand_ready(kube)


def test_an_undoer_that_ended_well_is_not_blamed(kube: KubeInMemory) -> None:
    kube.create("v1/Pod", NAMESPACE, crashing("all is undone", 0))
    with pytest.raises(TargetError, match="back-off 40s restarting"):
        stand_ready(kube)
