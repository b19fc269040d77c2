"""The metrics that every service exports, and the middleware that counts requests."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
UNMATCHED = "unmatched"

REQUESTS = Counter(
    "http_requests", "Requests answered, by status code.", ["service", "method", "route", "code"]
)
SECONDS = Histogram("http_request_duration_seconds", "Time to answer.", ["service", "route"], buckets=BUCKETS)
REGISTRATIONS = Counter("user_registrations", "Users registered.")
PREDICTIONS = Counter("model_predictions", "Predictions made.")

log = logging.getLogger("services.requests")


class CountRequests:
    """ASGI middleware that counts and times each user request; health and metrics routes are none."""

    def __init__(self, app: ASGIApp, service: str, draining_file: Path) -> None:
        self._app = app
        self._service = service
        self._draining_file = draining_file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and count it when its answer starts (an exception counts as 500)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        code = 500

        async def noting(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
                self._say_goodbye(message)
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            self._count(scope, code, time.perf_counter() - started)

    def _say_goodbye(self, message: Message) -> None:
        # While the pod drains, each answer closes its connection, so that no client reuses one that is about to end.
        if self._draining_file.exists():
            message.setdefault("headers", []).append((b"connection", b"close"))

    def _count(self, scope: Scope, code: int, seconds: float) -> None:
        if scope.get("rundrill.uncounted"):
            return
        route = scope.get("rundrill.route", UNMATCHED)
        REQUESTS.labels(self._service, scope["method"], route, str(code)).inc()
        SECONDS.labels(self._service, route).observe(seconds)
        if code >= 500:
            extra = {"method": scope["method"], "route": route, "code": code, "seconds": round(seconds, 4)}
            log.error("request failed", extra=extra)


def exposition(metrics_dir: Path | None) -> bytes:
    """Everything this service exports, summed over its worker processes where there are several."""
    if metrics_dir is None:
        return bytes(generate_latest())
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, path=str(metrics_dir))
    return bytes(generate_latest(registry))
