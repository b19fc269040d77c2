"""ai-pipeline: takes bug reports, tells how they fare, and puts back on the way those that an agent lost."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import redis.exceptions
from confluent_kafka import KafkaException
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.pipeline.bus import Bus
from services.pipeline.counts import FAILED, REQUESTS, SECONDS, born, count_lines
from services.pipeline.health import Health
from services.pipeline.places import REPORTS, Places
from services.pipeline.reports import Reports
from services.pipeline.sweep import Sweep
from services.settings import Settings
from services.store import open_cache
from services.web import build, json_body, limit_of, route

log = logging.getLogger("services.pipeline.api")


class Desk:
    """What users ask of the pipeline."""

    def __init__(self, reports: Reports, bus: Bus, key: str) -> None:
        self._reports = reports
        self._bus = bus
        self._key = key

    async def submit(self, request: Request) -> Response:
        """A new report on its way: 202 and its id, 401 without the key, 503 where it could not be kept."""
        started = time.perf_counter()
        if request.headers.get("authorization") != f"Bearer {self._key}":
            return self._refuse(request, "unauthorized", 401)
        body = await json_body(request, title=str)
        REQUESTS.inc()
        try:
            report = await self._take(str(body["title"]), str(body.get("body", "")))
        except (KafkaException, redis.exceptions.RedisError) as error:
            cause = "kafka" if isinstance(error, KafkaException) else "redis"
            FAILED.labels("api", cause).inc()
            log.error("report not taken", extra={"cause": f"{cause}: {error}", "code": 503})
            return JSONResponse({"error": f"{cause} does not answer"}, 503)
        finally:
            SECONDS.observe(time.perf_counter() - started)
        log.info("report taken", extra={"method": "POST", "route": request.url.path, "code": 202})
        return JSONResponse({"id": report, "status": "received"}, 202)

    async def _take(self, title: str, body: str) -> str:
        report = uuid.uuid4().hex
        await self._reports.accept(report, {"title": title, "body": body})
        message = json.dumps({"id": report, "title": title, "body": body, "accepted_at": time.time()})
        await self._reports.lies_at(report, await self._bus.put(REPORTS, report, message.encode()))
        return report

    def _refuse(self, request: Request, why: str, code: int) -> Response:
        fields = {"method": request.method, "route": request.url.path, "code": code}
        log.warning(why, extra=fields)
        return JSONResponse({"error": why}, code)

    async def listed(self, request: Request) -> Response:
        """The reports that are under way, a page of them, and how many there are."""
        limit, page = limit_of(request), max(1, int(request.query_params.get("page", "1")))
        total = await self._reports.active()
        items = await self._reports.newest((page - 1) * limit, limit)
        pages = {"page": page, "limit": limit, "total": total}
        return JSONResponse({"requests": items, "pagination": pages})

    async def one(self, request: Request) -> Response:
        """One report; 404 where it never was or has run out."""
        fields = await self._reports.one(request.path_params["id"])
        if not fields:
            return JSONResponse({"error": "no such request"}, 404)
        return JSONResponse({"id": request.path_params["id"]} | fields)


def application(settings: Settings) -> Starlette:
    """The web application of ai-pipeline."""
    count_lines()
    born("api")
    places = Places.from_environment()
    cache = open_cache(settings)
    bus, reports = Bus(places.kafka, settings.role), Reports(cache)
    health = Health(settings.role, cache, bus, {"openai": places.openai, "github": places.github})
    desk = Desk(reports, bus, places.api_key)
    sweep = Sweep(reports, bus, places)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(bus.opened())
            tasks = [asyncio.create_task(work()) for work in (health.watch, sweep.keep_sweeping)]
            stack.callback(lambda: [task.cancel() for task in tasks])
            log.info("takes bug reports")
            yield
        await cache.aclose()

    return build(settings, _routes(health, desk), lifespan)


def _routes(health: Health, desk: Desk) -> list[Route]:
    return [
        route("/live", health.live, counted=False),
        route("/health", health.told, counted=False),
        route("/api/v1/health", health.told, counted=False),
        route("/api/v1/requests", desk.submit, method="POST"),
        route("/api/v1/requests", desk.listed),
        route("/api/v1/requests/{id}", desk.one),
        route("/api/v1/reports/daily", health.daily),
    ]
