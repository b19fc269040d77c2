"""Every pod behind a service is asked, also one that says by itself that it is not ready."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from rundrill.evidence import StateSeen
from rundrill.measure.http import see_http
from rundrill.probe import HttpProbe
from rundrill.session import Session

PROBE = HttpProbe(service="shop/cart:80", path="/health", every_pod=True)


def endpoint(pod: str, **conditions: bool) -> dict[str, Any]:
    return {"targetRef": {"kind": "Pod", "name": pod, "uid": pod}, "conditions": conditions}


def statuses(*endpoints: dict[str, Any]) -> dict[str, object]:
    """Subject -> status, of pods that answer 200 where they are ready and 503 where they are not."""
    ready = {one["targetRef"]["name"] for one in endpoints if one["conditions"].get("ready")}
    kube = SimpleNamespace(
        one=lambda *_: {"spec": {"ports": [{"port": 80}]}},
        items=lambda *_: [{"ports": [{"port": 8000}], "endpoints": list(endpoints)}],
        pod_get=lambda _, pod, *__, **___: (200 if pod in ready else 503, b""),
    )
    session = SimpleNamespace(kube=kube, namespace=lambda _, name: name, cached=lambda _, make: make())
    seen, _ = see_http(PROBE, cast(Session, session), "shop")
    assert isinstance(seen, StateSeen)
    return {reading.subject: reading.facts.get("status") for reading in seen.readings}


@pytest.mark.parametrize(
    ("endpoints", "expected"),
    [
        pytest.param([endpoint("a", ready=True)], {"a": 200}, id="a ready one"),
        pytest.param(
            [endpoint("a", ready=True), endpoint("b", ready=False)],
            {"a": 200, "b": 503},
            id="one is not ready",
        ),
        pytest.param(
            [endpoint("a", ready=True), endpoint("b", ready=False, terminating=True)],
            {"a": 200},
            id="one is on its way out",
        ),
        pytest.param([], {"a pod of shop/cart:80": None}, id="none"),
    ],
)
def test_every_pod_is_asked(endpoints: list[dict[str, Any]], expected: dict[str, object]) -> None:
    assert statuses(*endpoints) == expected
