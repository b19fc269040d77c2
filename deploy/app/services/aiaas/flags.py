"""feature-flags: switches that come back by themselves, so that none is forgotten."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import Counter, Gauge
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.aiaas import pool
from services.aiaas.access import keyed
from services.aiaas.lines import count_lines
from services.settings import Settings
from services.store import Database, status_of
from services.tasks import running
from services.web import build, json_body, route

log = logging.getLogger("services.flags")

ON = Gauge("feature_flag_enabled", "1 where the flag is on.", ["flag"])
AWAY = Gauge("feature_flag_off_default", "1 where the flag is not as it is by default.", ["flag"])
EXPIRED = Counter("feature_flag_expiries", "Flags that went back to their default by themselves.", ["flag"])
LONGEST_SECONDS = 3600
_PERIOD_SECONDS = 2.0
_ALL = "SELECT name, enabled, enabled_by_default, expires_at::text FROM feature_flags ORDER BY name"


class Flags:
    """Table feature_flags."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def listed(self, _: Request) -> Response:
        """Each flag as it is now, and more about each."""
        rows = await self._database.rows(_ALL)
        return JSONResponse({"flags": {str(r["name"]): r["enabled"] for r in rows}, "details": rows})

    async def switch(self, request: Request) -> Response:
        """The flag as it was set; away from its default it comes back after `expires_in_seconds`, at most an hour."""
        body = await json_body(request, enabled=bool)
        name, enabled = request.path_params["name"], bool(body["enabled"])
        seconds = body.get("expires_in_seconds", LONGEST_SECONDS)
        if not isinstance(seconds, int) or not 1 <= seconds <= LONGEST_SECONDS:
            raise ValueError(f"expires_in_seconds: 1 to {LONGEST_SECONDS} expected")
        rows = await self._database.rows(
            "UPDATE feature_flags SET enabled = %s, changed_at = clock_timestamp(),"
            " expires_at = CASE WHEN enabled_by_default = %s THEN NULL"
            " ELSE clock_timestamp() + make_interval(secs => %s) END"
            " WHERE name = %s RETURNING name, enabled, expires_at::text",
            enabled,
            enabled,
            seconds,
            name,
        )
        if not rows:
            return JSONResponse({"error": "no such flag"}, 404)
        log.warning(
            "feature flag %s is %s until %s", name, enabled, rows[0]["expires_at"] or "further notice"
        )
        return JSONResponse(rows[0])

    async def tend(self) -> None:
        """Bring back flags whose time is over, and export all, for ever."""
        while True:
            try:
                await self._bring_back()
                for row in await self._database.rows(_ALL):
                    name = str(row["name"])
                    EXPIRED.labels(name)
                    ON.labels(name).set(bool(row["enabled"]))
                    AWAY.labels(name).set(row["enabled"] != row["enabled_by_default"])
            except pool.FAILED as error:
                log.warning("flags not tended for now", extra={"cause": f"{type(error).__name__}: {error}"})
            await asyncio.sleep(_PERIOD_SECONDS)

    async def _bring_back(self) -> None:
        rows = await self._database.rows(
            "UPDATE feature_flags SET enabled = enabled_by_default, expires_at = NULL,"
            " changed_at = clock_timestamp() WHERE expires_at < clock_timestamp() RETURNING name"
        )
        for row in rows:
            EXPIRED.labels(str(row["name"])).inc()
            log.warning("feature flag %s is back at its default", row["name"])

    async def status(self, _: Request) -> Response:
        """Whether the database answers."""
        return JSONResponse(status_of("feature-flags", postgresql=await self._database.answers()))


def application(settings: Settings) -> Starlette:
    """The web application of feature-flags."""
    count_lines()
    database = pool.open_pool(settings)
    flags = Flags(database)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with pool.measured(database), running(flags.tend()):
            yield

    routes = [
        route("/api/v1/flags", flags.listed),
        route("/api/v1/flags/{name}", keyed(flags.switch), method="PUT"),
        route("/status", flags.status, counted=False),
    ]
    return build(settings, routes, lifespan)
