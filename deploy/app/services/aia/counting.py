"""The API's own metrics, under the names and labels of its runbook, and the middleware that counts requests."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.aia.maintenance import Maintenance
from services.metrics import BUCKETS
from services.store import Database

# Its own registry: the shared one counts requests under the same name with other labels.
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
REQUESTS = Counter(
    "http_requests", "Requests answered, by status.", ["method", "route", "status"], registry=REGISTRY
)
SECONDS = Histogram(
    "http_request_duration_seconds", "Time to answer.", ["route"], buckets=BUCKETS, registry=REGISTRY
)
MAINTENANCE = Gauge("aia_maintenance_mode", "1 while the API refuses data requests.", registry=REGISTRY)
CACHE_ERRORS = Counter("aia_cache_errors", "Reads that went on without the cache.", registry=REGISTRY)
REFUSED = Counter("aia_logins_refused", "Logins with a wrong name or password.", registry=REGISTRY)

REFUSED_ROUTE = "refused"
"""The route of what maintenance refused, which is looked at no further."""

log = logging.getLogger("services.requests")


class PoolGauges(Collector):  # type: ignore[misc] # where its package is not installed
    """The database pool's use at the moment of the scrape."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Connections in use, idle and waited for, and how many there may be."""
        usage = self._database.usage()
        for name, key in (("used", "active"), ("idle", "idle"), ("pending", "pending"), ("size", "max")):
            yield GaugeMetricFamily(
                f"db_pool_connections_{name}", f"Pool connections: {name}.", value=usage[key]
            )


def begin_at_zero(routes: Iterable[tuple[str, str]]) -> None:
    """A series of each route for success and for failure, so that `no errors` reads 0 and not nothing."""
    for method, route in routes:
        for status in ("200", "201", "500") if method == "POST" else ("200", "500"):
            REQUESTS.labels(method, route, status)
        REQUESTS.labels(method, REFUSED_ROUTE, "503")


def exposition() -> bytes:
    """Everything the API exports."""
    return bytes(generate_latest(REGISTRY))


class Gate:
    """ASGI middleware: refuses data requests in maintenance, and counts and times every one of them."""

    def __init__(self, app: ASGIApp, maintenance: Maintenance, draining_file: Path) -> None:
        self._app = app
        self._maintenance = maintenance
        self._draining_file = draining_file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 503 in maintenance; an exception counts as 500."""
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self._draining_file.exists():
                    message.setdefault("headers", []).append((b"connection", b"close"))
            await send(message)

        try:
            await (_refusal if self._maintenance.on else self._app)(scope, receive, noting)
        finally:
            _count(scope, status, time.perf_counter() - started)


async def _refusal(scope: Scope, receive: Receive, send: Send) -> None:
    answer = JSONResponse({"error": "maintenance", "maintenance": True}, 503, {"Retry-After": "60"})
    await answer(scope, receive, send)


def _count(scope: Scope, status: int, seconds: float) -> None:
    route = str(scope.get("rundrill.route", REFUSED_ROUTE if status == 503 else "unmatched"))
    REQUESTS.labels(scope["method"], route, str(status)).inc()
    SECONDS.labels(route).observe(seconds)
    if status >= 500:
        extra = {"method": scope["method"], "route": route, "code": status, "seconds": round(seconds, 4)}
        log.error("request failed", extra=extra)
