"""api-gateway: the platform's front door. Validates, knows its users, hands on to the orchestrator."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from prometheus_client import Gauge
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.aiaas import pool
from services.aiaas.access import keyed
from services.aiaas.breaker import Board, Refused, close_all, said_by_all
from services.aiaas.lines import count_lines
from services.aiaas.upstream import FAILED, Copy, asked, open_client
from services.aiaas.validation import SUBJECT, Rejected, Validator
from services.settings import Settings
from services.store import Row, cache_answers, open_cache, status_of
from services.tasks import running
from services.web import build, route

log = logging.getLogger("services.gateway")

DEPENDENCIES = ("database", "feature-flags", "orchestrator", "schema-registry")
_ORCHESTRATOR = os.environ.get("ORCHESTRATOR_URL", "http://orchestrator:8000")
_REGISTRY = os.environ.get("SCHEMA_REGISTRY_URL", "http://schema-registry:8080")
_FLAGS = os.environ.get("FEATURE_FLAGS_URL", "http://feature-flags:8000")
_PATIENCE_SECONDS = 7.0
_FIRST_TRY_SECONDS = 3.0
"""Then another pod is asked; what the first one began it ends itself, or another takes it up."""
RELEASE = Gauge("gateway_release", "1, with the colour of this release.", ["version"])


class Gateway:
    """What the front door does with a request."""

    def __init__(self, settings: Settings) -> None:
        self.database = pool.open_pool(settings)
        self.cache = open_cache(settings)
        self.board = Board(settings.role, DEPENDENCIES, self.cache)
        self.client = open_client(_PATIENCE_SECONDS)
        schema = Copy(self.client, f"{_REGISTRY}/subjects/{SUBJECT}/versions/latest", fresh_seconds=5.0)
        flags = Copy(self.client, f"{_FLAGS}/api/v1/flags", fresh_seconds=2.0)
        self._validator = Validator(self.board, schema, flags)

    async def validate(self, request: Request) -> Response:
        """Whether the body would be let in."""
        try:
            await self._validator.body_of(request)
        except Rejected as rejected:
            return rejected.answer()
        return JSONResponse({"valid": True, "subject": SUBJECT})

    async def request(self, request: Request) -> Response:
        """The orchestrator's answer to a user's request, and a line in the log that bears the request's own mark."""
        answer = await self._answer(request)
        log.info("request %s: %d", marked(request), answer.status_code)
        return answer

    async def _answer(self, request: Request) -> Response:
        try:
            body = await self._validator.body_of(request)
            user = await self._user(str(body.get("user", "")))
            return await self._handed_on(body, user)
        except Rejected as rejected:
            return rejected.answer()
        except Refused as refused:
            return JSONResponse({"error": str(refused)}, 503)
        except pool.FAILED as error:
            return _database_failed(error)
        except httpx.HTTPError as error:
            code = 504 if isinstance(error, httpx.TimeoutException) else 502
            return JSONResponse({"error": "the orchestrator does not answer"}, code)

    async def _user(self, name: str) -> Row:
        sql = "SELECT id, name, plan FROM users WHERE name = %s"
        rows = await self.board.call("database", lambda: self.database.rows(sql, name), *pool.FAILED)
        if not rows:
            raise Rejected(403, "user", "no such user")
        return rows[0]

    async def _handed_on(self, body: dict[str, object], user: Row) -> Response:
        wanted = body | {"user_id": user["id"]}
        url = f"{_ORCHESTRATOR}/workflows"
        answer = await self.board.call("orchestrator", lambda: self._twice(url, wanted), *FAILED)
        return Response(answer.content, answer.status_code, media_type="application/json")

    async def _twice(self, url: str, wanted: dict[str, object]) -> httpx.Response:
        began = time.monotonic()
        try:
            return await asked(self.client, "POST", url, wanted, seconds=_FIRST_TRY_SECONDS)
        except httpx.TimeoutException:
            left = _PATIENCE_SECONDS - (time.monotonic() - began)
            return await asked(self.client, "POST", url, wanted, seconds=left)

    async def breakers(self, _: Request) -> Response:
        """This pod's breakers, and what all services last said of theirs."""
        own = {name: breaker.state.word for name, breaker in sorted(self.board.breakers.items())}
        return JSONResponse({"breakers": own, "services": await said_by_all(self.cache)})

    async def reset(self, _: Request) -> Response:
        """Every breaker of every service closed, and how many there were."""
        closed = await close_all(self.cache)
        log.warning("circuit breakers reset by hand: %d", closed)
        return JSONResponse({"closed": closed})

    async def status(self, _: Request) -> Response:
        """Whether the dependencies answer."""
        postgresql, cache = await self.database.answers(), await cache_answers(self.cache)
        return JSONResponse(status_of("api-gateway", postgresql=postgresql, redis=cache))


def marked(request: Request) -> str:
    """The client's X-Request-Id as far as it is harmless; "-" where there is none."""
    return re.sub(r"[^A-Za-z0-9._-]", "", request.headers.get("x-request-id", ""))[:64] or "-"


def _database_failed(error: Exception) -> Response:
    late = isinstance(error, pool.TIMED_OUT)
    what = "timeout waiting for the database" if late else "the database failed"
    log.error(what, extra={"cause": f"{type(error).__name__}: {error}"})
    return JSONResponse({"error": what}, 504 if late else 500)


def application(settings: Settings) -> Starlette:
    """The web application of api-gateway."""
    count_lines()
    RELEASE.labels(os.environ.get("VERSION", "blue")).set(1)
    gateway = Gateway(settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with gateway.client, pool.measured(gateway.database), running(gateway.board.agree()):
            yield

    routes = [
        route("/api/v1/requests", keyed(gateway.request), method="POST"),
        route("/api/v1/validate", gateway.validate, method="POST"),
        route("/api/v1/health/circuit-breakers", gateway.breakers, counted=False),
        route("/api/v1/circuit-breakers/reset", keyed(gateway.reset), method="POST", counted=False),
        route("/status", gateway.status, counted=False),
    ]
    return build(settings, routes, lifespan)
