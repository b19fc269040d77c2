"""orchestrator: runs a workflow through its tool, each tool behind a breaker of its own."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import redis.exceptions
from prometheus_client import Counter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.aiaas import pool
from services.aiaas.breaker import Board, Refused
from services.aiaas.lines import count_lines
from services.aiaas.upstream import FAILED, asked, open_client
from services.aiaas.workflows import TRIES, Workflows
from services.settings import Settings
from services.store import Database, cache_answers, open_cache, status_of
from services.tasks import running
from services.web import build, json_body, route

log = logging.getLogger("services.orchestrator")

TOOLS = ("calculator", "glossary", "search")
CALLS = Counter("tool_calls", "Tool calls by outcome: ok, failed or refused.", ["tool", "outcome"])
FALLBACKS = Counter("fallback_answers", "Answers given while the tool was away.", ["tool"])
_TOOL_SERVICE = os.environ.get("TOOL_SERVICE_URL", "http://tool-service:8000")
_PATIENCE_SECONDS = 4.0
_KEEP_SECONDS = 900
_PERIOD_SECONDS = 5.0


def fallback_mode() -> bool:
    """Whether FALLBACK_MODE is on."""
    return os.environ.get("FALLBACK_MODE", "false").strip().lower() == "true"


class ToolDown(Exception):
    """The tool gave no answer."""


class Orchestrator:
    """Workflows, and the tools that do them."""

    def __init__(self, settings: Settings) -> None:
        self.database: Database = pool.open_pool(settings)
        self.cache = open_cache(settings)
        self.board = Board(settings.role, ("database", *(f"tool-{t}" for t in TOOLS)), self.cache)
        self.client = open_client(_PATIENCE_SECONDS)
        self._workflows = Workflows(self.database)

    async def run(self, request: Request) -> Response:
        """A workflow, written down, done by its tool, and its end written down."""
        body = await json_body(request, tool=str, input=dict)
        tool, given = str(body["tool"]), body["input"]
        if tool not in TOOLS:
            return JSONResponse({"error": f"no tool {tool!r}"}, 400)
        try:
            number = await self._booked(lambda: self._workflows.begin(body.get("user_id"), tool, given))
        except (Refused, *pool.FAILED) as error:
            return _not_booked(error)
        return await self._finished(number, tool, given)

    async def _booked(self, ask: Any) -> Any:
        return await self.board.call("database", ask, *pool.FAILED)

    async def _finished(self, number: int, tool: str, given: Any) -> Response:
        try:
            answer = await self._answer(tool, given)
            status, code = "finished", 200
        except ToolDown as down:
            answer, status, code = {"error": str(down)}, "failed", 502
        try:
            await self._booked(lambda: self._workflows.end(number, status, answer))
        except (Refused, *pool.FAILED) as error:
            # It stays `running` in the book, and is taken up again when the database is back.
            return _not_booked(error)
        return JSONResponse({"workflow": number, "tool": tool, **answer}, code)

    async def _answer(self, tool: str, given: Any) -> dict[str, Any]:
        try:
            answer = await self._from_tool(tool, given)
        except ToolDown:
            if not fallback_mode():
                raise
            return await self._fallback(tool, given)
        await self._keep(tool, given, answer)
        return answer

    async def _from_tool(self, tool: str, given: Any) -> dict[str, Any]:
        url = f"{_TOOL_SERVICE}/tools/{tool}"

        async def ask() -> httpx.Response:
            answer = await asked(self.client, "POST", url, given)
            # 502 is a tool that failed, whatever the service around it does.
            return answer.raise_for_status() if answer.status_code >= 500 else answer

        try:
            answer = await self.board.call(f"tool-{tool}", ask, *FAILED)
        except Refused as refused:
            CALLS.labels(tool, "refused").inc()
            raise ToolDown(str(refused)) from refused
        except httpx.HTTPError as error:
            CALLS.labels(tool, "failed").inc()
            log.error("tool %s failed", tool, extra={"cause": f"{type(error).__name__}: {error}"})
            raise ToolDown(f"tool {tool} does not answer") from error
        CALLS.labels(tool, "ok").inc()
        document: dict[str, Any] = answer.json()
        return document

    async def _keep(self, tool: str, given: Any, answer: dict[str, Any]) -> None:
        try:
            await self.cache.set(_key(tool, given), json.dumps(answer), ex=_KEEP_SECONDS)
        except redis.exceptions.RedisError as error:
            log.warning("no answer kept for a fallback", extra={"cause": str(error)})

    async def _fallback(self, tool: str, given: Any) -> dict[str, Any]:
        FALLBACKS.labels(tool).inc()
        try:
            kept = await self.cache.get(_key(tool, given))
        except redis.exceptions.RedisError:
            kept = None
        answer = json.loads(kept) if kept else {"answer": None, "note": "the tool is away for now"}
        return answer | {"fallback": True}

    async def tend(self) -> None:
        """Take up what a lost pod left running, and mark the time, for ever."""
        while True:
            try:
                await self._workflows.mark()
                for row in await self._workflows.abandoned():
                    await self._again(row)
            except pool.FAILED as error:
                log.warning(
                    "workflows not tended for now", extra={"cause": f"{type(error).__name__}: {error}"}
                )
            await asyncio.sleep(_PERIOD_SECONDS)

    async def _again(self, row: dict[str, Any]) -> None:
        log.warning("workflow %s is taken up again", row["id"])
        if row["attempts"] > TRIES:
            await self._workflows.end(row["id"], "failed", {"error": "tried too often"})
            return
        await self._finished(row["id"], row["tool"], row["input"])

    async def status(self, _: Request) -> Response:
        """Whether the dependencies answer, and whether answers are fallbacks."""
        postgresql, cache = await self.database.answers(), await cache_answers(self.cache)
        said = status_of("orchestrator", postgresql=postgresql, redis=cache)
        return JSONResponse(said | {"fallback_mode": fallback_mode()})


def _key(tool: str, given: Any) -> str:
    text = json.dumps(given, sort_keys=True)
    return f"fallback:{tool}:{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def _not_booked(error: Exception) -> Response:
    late = isinstance(error, pool.TIMED_OUT)
    what = "timeout waiting for the database" if late else "the workflow could not be written down"
    log.error(what, extra={"cause": f"{type(error).__name__}: {error}"})
    return JSONResponse({"error": what}, 504 if late else 503)


def application(settings: Settings) -> Starlette:
    """The web application of orchestrator."""
    count_lines()
    for tool in TOOLS:
        FALLBACKS.labels(tool)
        for outcome in ("ok", "failed", "refused"):
            CALLS.labels(tool, outcome)
    orchestrator = Orchestrator(settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        tasks = running(orchestrator.board.agree(), orchestrator.tend())
        async with orchestrator.client, pool.measured(orchestrator.database), tasks:
            yield

    routes = [
        route("/workflows", orchestrator.run, method="POST"),
        route("/status", orchestrator.status, counted=False),
    ]
    return build(settings, routes, lifespan)
