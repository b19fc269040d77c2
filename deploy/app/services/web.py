"""A service's web application: its own routes and those that every service has."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import psycopg
import redis.exceptions
from prometheus_client import CONTENT_TYPE_LATEST
from psycopg_pool import PoolTimeout
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.metrics import CountRequests, exposition
from services.settings import Settings

log = logging.getLogger("services.web")

Endpoint = Callable[[Request], Awaitable[Response]]
Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def route(path: str, endpoint: Endpoint, *, method: str = "GET", counted: bool = True) -> Route:
    """A route whose requests are counted under its path template, or not at all."""

    async def named(request: Request) -> Response:
        request.scope["rundrill.route"] = path
        request.scope["rundrill.uncounted"] = not counted
        return await endpoint(request)

    return Route(path, named, methods=[method])


def build(settings: Settings, routes: Sequence[Route], lifespan: Lifespan | None = None) -> Starlette:
    """The application of one service: its routes, and /health, /ready and /metrics."""

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok", "service": settings.role})

    async def ready(_: Request) -> Response:
        draining = settings.draining_file.exists()
        return JSONResponse({"status": "draining" if draining else "ready"}, 503 if draining else 200)

    async def metrics(_: Request) -> Response:
        return Response(exposition(settings.metrics_dir), media_type=CONTENT_TYPE_LATEST)

    shared = [
        route("/health", health, counted=False),
        route("/ready", ready, counted=False),
        route("/metrics", metrics, counted=False),
    ]
    return Starlette(
        routes=[*routes, *shared],
        middleware=[Middleware(CountRequests, service=settings.role, draining_file=settings.draining_file)],
        exception_handlers=failures(),
        lifespan=lifespan or _no_lifespan,
    )


def failures() -> dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]]:
    """What a service answers when a dependency fails, or when the request makes no sense."""
    return {
        PoolTimeout: _pool_exhausted,
        psycopg.Error: _database_failed,
        redis.exceptions.RedisError: _cache_failed,
        ValueError: _bad_request,
    }


@asynccontextmanager
async def _no_lifespan(_: Starlette) -> AsyncIterator[None]:
    yield


async def _pool_exhausted(_: Request, error: Exception) -> Response:
    log.error("no database connection in time", extra={"cause": str(error)})
    return JSONResponse({"error": "no database connection in time"}, 503)


async def _database_failed(_: Request, error: Exception) -> Response:
    log.error("database error", extra={"cause": f"{type(error).__name__}: {error}"})
    return JSONResponse({"error": "database error"}, 500)


async def _cache_failed(_: Request, error: Exception) -> Response:
    log.error("cache error", extra={"cause": f"{type(error).__name__}: {error}"})
    return JSONResponse({"error": "cache error"}, 503)


async def _bad_request(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)


async def json_body(request: Request, **fields: type) -> dict[str, object]:
    """The request's JSON object; ValueError (400) where a field is missing or of another type."""
    body = await request.json()
    if not isinstance(body, dict):
        raise ValueError("a JSON object is expected")
    for name, kind in fields.items():
        if not isinstance(body.get(name), kind):
            raise ValueError(f"{name}: {kind.__name__} expected")
    return body


def limit_of(request: Request, most: int = 100) -> int:
    """How many rows the request asks for (`?limit=`), 1 to `most`."""
    return max(1, min(most, int(request.query_params.get("limit", "20"))))
