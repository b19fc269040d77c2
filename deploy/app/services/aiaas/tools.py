"""tool-service: a calculator, a glossary, and a search that asks an external API."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import operator
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import redis.exceptions
from prometheus_client import Counter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.aiaas.breaker import Board, Refused
from services.aiaas.lines import count_lines
from services.aiaas.upstream import FAILED, asked, open_client
from services.settings import Settings
from services.store import cache_answers, open_cache, status_of
from services.tasks import running
from services.web import build, json_body, route

log = logging.getLogger("services.tools")

CACHED = Counter("tool_cached_answers", "Answers out of the cache while the external API was away.")
EXTERNAL_API = os.environ.get("EXTERNAL_API_URL", "https://external-service")
EXTERNAL_CA = os.environ.get("EXTERNAL_API_CA", "/etc/external-ca/ca.crt")
_PATIENCE_SECONDS = 2.0
_KEEP_SECONDS = 900
"""No cached answer is older."""
_SUMS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_GLOSSARY = {
    "breaker": "A switch that stops calls to something that fails.",
    "drill": "A fault on purpose, with an end.",
    "slo": "What a service promises its users, as a number.",
}


class ToolService:
    """The tools, and the breaker towards the external API."""

    def __init__(self, settings: Settings) -> None:
        self.cache = open_cache(settings)
        self.board = Board(settings.role, ("external-api",), self.cache)
        verify = EXTERNAL_CA if EXTERNAL_API.startswith("https:") else True
        self.client = open_client(_PATIENCE_SECONDS, verify)

    async def calculator(self, request: Request) -> Response:
        """`left` and `right` put together by `operation`."""
        body = await json_body(request, operation=str)
        sign, left, right = str(body["operation"]), body.get("left"), body.get("right")
        if sign not in _SUMS or not isinstance(left, int | float) or not isinstance(right, int | float):
            raise ValueError("operation: one of + - * / on two numbers expected")
        if sign == "/" and not right:
            raise ValueError("right: a divisor that is not 0 expected")
        log.info("calculator answered")
        return JSONResponse({"answer": _SUMS[sign](left, right)})

    async def glossary(self, request: Request) -> Response:
        """The meaning of `word`, or null."""
        body = await json_body(request, word=str)
        log.info("glossary answered")
        return JSONResponse({"answer": _GLOSSARY.get(str(body["word"]).lower())})

    async def search(self, request: Request) -> Response:
        """What the external API finds; what it found before, and how long ago, while it is away; else 502."""
        query = str((await json_body(request, query=str))["query"])
        try:
            found = await self.board.call("external-api", lambda: self._external(query), *FAILED)
        except (Refused, *FAILED) as error:
            return await self._remembered(query, error)
        await self._keep(query, found)
        log.info("search answered")
        return JSONResponse({"answer": found, "cached": False})

    async def _external(self, query: str) -> Any:
        answer = await asked(
            self.client, "GET", str(httpx.URL(f"{EXTERNAL_API}/search", params={"q": query}))
        )
        return answer.raise_for_status().json()["results"]

    async def _keep(self, query: str, found: Any) -> None:
        kept = json.dumps({"at": time.time(), "results": found})
        try:
            await self.cache.set(_key(query), kept, ex=_KEEP_SECONDS)
        except redis.exceptions.RedisError as error:
            log.warning("answer not cached", extra={"cause": str(error)})

    async def _remembered(self, query: str, error: Exception) -> Response:
        try:
            kept = await self.cache.get(_key(query))
        except redis.exceptions.RedisError:
            kept = None
        if kept is None:
            log.error("the external API failed", extra={"cause": f"{type(error).__name__}: {error}"})
            return JSONResponse({"error": "the external API does not answer"}, 502)
        CACHED.inc()
        said = json.loads(kept)
        age = round(time.time() - said["at"], 1)
        return JSONResponse({"answer": said["results"], "cached": True, "age_seconds": age})

    async def external_health(self) -> bool:
        """Whether the external API says that it is well, within the patience of a call."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                answer = await self.client.get(f"{EXTERNAL_API}/health")
        except (TimeoutError, *FAILED):
            return False
        return bool(answer.status_code == 200)

    async def status(self, _: Request) -> Response:
        """Whether the dependencies answer."""
        cache, external = await cache_answers(self.cache), await self.external_health()
        return JSONResponse(status_of("tool-service", redis=cache, external_api=external))


def _key(query: str) -> str:
    return f"search:{hashlib.sha256(query.encode()).hexdigest()[:24]}"


def application(settings: Settings) -> Starlette:
    """The web application of tool-service."""
    count_lines()
    service = ToolService(settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with service.client, running(service.board.agree()):
            yield

    routes = [
        route("/tools/calculator", service.calculator, method="POST"),
        route("/tools/glossary", service.glossary, method="POST"),
        route("/tools/search", service.search, method="POST"),
        route("/status", service.status, counted=False),
    ]
    return build(settings, routes, lifespan)
