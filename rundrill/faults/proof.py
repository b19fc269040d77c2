"""Observations of a fault that do not use the path that injected it: what users get, what stands behind a service."""

from datetime import datetime, timedelta

from rundrill.crowd import Arrival, Crowd, instant
from rundrill.gateway.kubernetes import Kube


def first_refused(crowd: Crowd, path: str, since: datetime) -> Arrival | None:
    """The first user of that path, come after `since`, who did not get what he asked for; None while all did."""
    refused = [
        arrival
        for arrival in crowd.read().between(since.timestamp(), float("inf"))
        if arrival.sent and not arrival.answered and path in arrival.route
    ]
    return min(refused, key=lambda arrival: arrival.ended or float("inf"), default=None)


def words(arrival: Arrival) -> str:
    """What became of one user, for a proof."""
    when = f"{instant(arrival.ended):%H:%M:%S}" if arrival.ended else "the end"
    return f"{arrival.route} got {arrival.error or f'status {arrival.status}'} at {when}"


def all_answered(crowd: Crowd, path: str, last: timedelta, now: datetime) -> bool:
    """Whether every user of that path in the last stretch got his answer, and there was one: the fault does not bite."""
    seen = [a for a in crowd.read().between((now - last).timestamp(), now.timestamp()) if path in a.route]
    return bool(seen) and all(arrival.answered for arrival in seen)


def endpoints(kube: Kube, namespace: str, service: str) -> int:
    """How many ready addresses stand behind a service."""
    slices = kube.items(
        "discovery.k8s.io/v1/EndpointSlice", namespace, f"kubernetes.io/service-name={service}"
    )
    ready = [
        endpoint
        for one in slices
        for endpoint in one.get("endpoints") or []
        if (endpoint.get("conditions") or {}).get("ready")
    ]
    return len(ready)
