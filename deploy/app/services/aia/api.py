"""aia-api: agents and their tasks, behind bearer tokens; PostgreSQL holds them, Redis spares it reads."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import redis.asyncio
from psycopg_pool import PoolTimeout
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.aia.counting import (
    CACHE_ERRORS,
    MAINTENANCE,
    REFUSED,
    REGISTRY,
    Gate,
    PoolGauges,
    begin_at_zero,
    exposition,
)
from services.aia.maintenance import Maintenance
from services.aia.remembering import Remembering
from services.settings import PoolSettings, Settings
from services.store import Database, cache_answers, open_cache, status_of
from services.tokens import sign, verify
from services.web import failures, json_body, limit_of, route

log = logging.getLogger("services.aia.api")

_TOKEN_SECONDS = 900
_MARK_EVERY_SECONDS = 5.0
_POOL_SIZE = 5
_TASK = "id, agent_id, title, state, created_at::text"


class Api:
    """What the API does with its database and its cache."""

    def __init__(self, settings: Settings) -> None:
        self._secret = os.environ["JWT_SECRET"]
        self._url = os.environ["DATABASE_URL"]
        self._colour = os.environ.get("COLOUR", "blue")
        self._level = settings.log_level
        self._draining_file = settings.draining_file
        self._cache: redis.asyncio.Redis = open_cache(settings)
        # The database has it too: without its cache the API is slower, not down.
        self._remembering = Remembering(self._cache, CACHE_ERRORS.inc)
        self.database = Database(self._url, PoolSettings(maximum=_POOL_SIZE))
        self.maintenance = Maintenance()

    async def health(self, _: Request) -> Response:
        """That this process serves, and what it was told: its colour, log level and mode."""
        told = {"version": self._colour, "log_level": self._level, "maintenance": self.maintenance.on}
        return JSONResponse({"status": "ok", "service": "aia-api", **told})

    async def ready(self, _: Request) -> Response:
        """Whether the Service should send requests here."""
        draining = self._draining_file.exists()
        return JSONResponse({"status": "draining" if draining else "ready"}, 503 if draining else 200)

    async def status(self, _: Request) -> Response:
        """Whether the dependencies answer, how long SELECT 1 takes, and which secret is in use (its digest only)."""
        began = time.perf_counter()
        postgresql = await self.database.answers()
        took = time.perf_counter() - began
        digest = hashlib.sha256(self._url.encode()).hexdigest()
        state = status_of("aia-api", postgresql=postgresql, redis=await cache_answers(self._cache))
        return JSONResponse(state | {"select_one_seconds": took, "database_url_sha256": digest})

    async def metrics(self, _: Request) -> Response:
        """The metrics of this process."""
        MAINTENANCE.set(self.maintenance.on)
        return Response(exposition(), media_type="text/plain; version=0.0.4")

    async def token(self, request: Request) -> Response:
        """A token for the right password, else 401, which the log tells."""
        body = await json_body(request, name=str, password=str)
        rows = await self.database.rows(
            "SELECT id FROM users WHERE name = %s AND password_hash = crypt(%s, password_hash)",
            body["name"],
            body["password"],
        )
        if not rows:
            REFUSED.inc()
            log.warning("unauthorized: login failed", extra={"cause": "wrong name or password", "code": 401})
            return JSONResponse({"error": "wrong name or password"}, 401)
        expires = int(time.time()) + _TOKEN_SECONDS
        return JSONResponse({"token": sign({"sub": str(rows[0]["id"]), "exp": expires}, self._secret)})

    def _known(self, request: Request) -> bool:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        return kind == "Bearer" and verify(token, self._secret, time.time()) is not None

    async def agents(self, request: Request) -> Response:
        """The agents, or 401."""
        if not self._known(request):
            return _unauthorized()
        return JSONResponse(await self.database.rows("SELECT id, name, role FROM agents ORDER BY id"))

    async def tasks(self, request: Request) -> Response:
        """The newest tasks, or 401."""
        if not self._known(request):
            return _unauthorized()
        sql = f"SELECT {_TASK} FROM tasks ORDER BY id DESC LIMIT %s"
        return JSONResponse(await self.database.rows(sql, limit_of(request)))

    async def create(self, request: Request) -> Response:
        """A new task for an agent, or 401."""
        if not self._known(request):
            return _unauthorized()
        body = await json_body(request, agent_id=int, title=str)
        sql = f"INSERT INTO tasks (agent_id, title, state) VALUES (%s, %s, 'open') RETURNING {_TASK}"
        return JSONResponse((await self.database.rows(sql, body["agent_id"], body["title"]))[0], 201)

    async def task(self, request: Request) -> Response:
        """One task, from the cache where it is there; 401 or 404."""
        if not self._known(request):
            return _unauthorized()
        number = request.path_params["id"]
        cached = await self._remembering.read(f"task:{number}")
        if cached is not None:
            return Response(cached, media_type="application/json")
        rows = await self.database.rows(f"SELECT {_TASK} FROM tasks WHERE id = %s", number)
        if not rows:
            return JSONResponse({"error": "no such task"}, 404)
        await self._remembering.write(f"task:{number}", json.dumps(rows[0]))
        return JSONResponse(rows[0])

    async def keep_marking(self) -> None:
        """A row in backup_markers every five seconds, but none in maintenance, when nothing may write."""
        while True:
            await asyncio.sleep(_MARK_EVERY_SECONDS)
            if self.maintenance.on:
                continue
            try:
                await self.database.rows("INSERT INTO backup_markers DEFAULT VALUES")
            except (psycopg.Error, PoolTimeout) as error:
                log.warning("no marker written", extra={"cause": type(error).__name__})


def _unauthorized() -> Response:
    return JSONResponse({"error": "a bearer token is needed"}, 401, {"WWW-Authenticate": "Bearer"})


def application(settings: Settings) -> Starlette:
    """The web application of aia-api."""
    api = Api(settings)
    data = [
        route("/v1/token", api.token, method="POST"),
        route("/v1/agents", api.agents),
        route("/v1/tasks", api.tasks),
        route("/v1/tasks", api.create, method="POST"),
        route("/v1/tasks/{id:int}", api.task),
    ]
    begin_at_zero((method, r.path) for r in data for method in sorted((r.methods or set()) - {"HEAD"}))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with api.database.opened():
            REGISTRY.register(PoolGauges(api.database))
            marking = asyncio.create_task(api.keep_marking())
            yield
            marking.cancel()

    own = [
        Route("/health", api.health),
        Route("/ready", api.ready),
        Route("/status", api.status),
        Route("/metrics", api.metrics),
    ]
    return Starlette(
        routes=[*data, *own],
        middleware=[Middleware(Gate, maintenance=api.maintenance, draining_file=settings.draining_file)],
        exception_handlers=failures(),
        lifespan=lifespan,
    )
