"""Response times on a port of their own, and the answer that users get while maintenance is on."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from prometheus_client import Histogram
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.metrics import BUCKETS, UNMATCHED

METRICS_PORT = 9090
RESPONSE_TIME = Histogram(
    "response_time_seconds", "Time to answer a user's request.", ["route", "code"], buckets=BUCKETS
)
# Operators look, and switch the mode, while users wait.
_ALWAYS_OPEN = ("/health", "/ready", "/alive", "/metrics", "/api/v1/maintenance")
_RETRY_SECONDS = "60"


class TimeResponses:
    """ASGI middleware: observes each user's request, and turns users away during maintenance."""

    def __init__(
        self, app: ASGIApp, maintenance: Callable[[], Awaitable[bool]], may_pass: Callable[[Scope], bool]
    ) -> None:
        self._app = app
        self._maintenance = maintenance
        self._may_pass = may_pass

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 503 with a hint when to come back."""
        if scope["type"] != "http" or scope["path"] in _ALWAYS_OPEN:
            await self._app(scope, receive, send)
            return
        started, code = time.perf_counter(), 500

        async def noting(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        try:
            if not self._may_pass(scope) and await self._maintenance():
                away = JSONResponse({"error": "maintenance"}, 503, {"Retry-After": _RETRY_SECONDS})
                await away(scope, receive, noting)
            else:
                await self._app(scope, receive, noting)
        finally:
            route = scope.get("rundrill.route", UNMATCHED)
            RESPONSE_TIME.labels(route, str(code)).observe(time.perf_counter() - started)
