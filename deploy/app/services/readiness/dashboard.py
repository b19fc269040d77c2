"""readiness-dashboard: the platform's overall state as a page and as JSON."""

from __future__ import annotations

import html
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg_pool import PoolTimeout
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from services.readiness.overall import Finding, days_recorded, findings
from services.readiness.reads import Databases
from services.readiness.surroundings import Surroundings
from services.settings import Settings
from services.web import build, route

_PAGE = """<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="10"><title>AI Data Readiness</title>
<style>body{{font:16px system-ui;margin:2rem auto;max-width:44rem;color:#1c2733}}td,th{{padding:.4rem .8rem;text-align:left}}
.well{{color:#14703c}}.ill{{color:#b3261e;font-weight:600}}h1 small{{font-size:1rem;font-weight:400;color:#52606d}}</style>
<h1>AI Data Readiness <small>{overall}, {days} of the last 7 days on record</small></h1>
<table><tr><th>Part<th>State<th>Seen</tr>{rows}</table>
"""


class Dashboard:
    """The overall panel, looked up anew for each request."""

    def __init__(self, databases: Databases, gateway: str) -> None:
        self._databases = databases
        self._gateway = gateway

    async def panel(self, _: Request) -> Response:
        """The panel as JSON; always 200 where the dashboard itself can answer, whatever it has to say."""
        found, days = await self._look()
        parts = {each.part: {"well": each.well, "seen": each.seen} for each in found}
        return JSONResponse(
            {"overall": overall_of(found), "parts": parts, "days_recorded": days, "looked_at": time.time()}
        )

    async def page(self, _: Request) -> Response:
        """The same for people."""
        found, days = await self._look()
        rows = "".join(
            f'<tr><td>{html.escape(f.part)}<td class="{"well" if f.well else "ill"}">{"well" if f.well else "not well"}<td>{html.escape(f.seen)}</tr>'
            for f in found
        )
        return HTMLResponse(_PAGE.format(overall=overall_of(found), days=days, rows=rows))

    async def _look(self) -> tuple[list[Finding], int]:
        found = await findings(self._databases, self._gateway)
        try:
            return found, await days_recorded(self._databases.primary)
        except (psycopg.Error, PoolTimeout):
            return found, 0


def overall_of(found: list[Finding]) -> str:
    """`healthy` where every part is well, else `degraded`."""
    return "healthy" if found and all(each.well for each in found) else "degraded"


def application(settings: Settings) -> Starlette:
    """The web application of readiness-dashboard."""
    surroundings = Surroundings.from_environment()
    databases = Databases(surroundings, connections=2)
    dashboard = Dashboard(databases, surroundings.gateway)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with databases.opened():
            yield

    return build(
        settings, [route("/", dashboard.page), route("/api/panels/overall", dashboard.panel)], lifespan
    )
