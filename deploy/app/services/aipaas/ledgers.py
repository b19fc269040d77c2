"""The part that the AI and data services share: a service that keeps rows of one table."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.settings import PoolSettings, Settings
from services.store import Database, Row, status_of
from services.tasks import running
from services.web import build, limit_of, route

Background = Callable[[], Coroutine[object, object, None]]


class Rows:
    """Rows of one table, newest first, and one by its id."""

    def __init__(self, database: Database, table: str, columns: str) -> None:
        self._database = database
        self._select = f"SELECT {columns} FROM {table}"

    async def newest(self, request: Request) -> Response:
        """The newest rows, at most `?limit=`."""
        return JSONResponse(
            await self._database.rows(f"{self._select} ORDER BY id DESC LIMIT %s", limit_of(request))
        )

    async def one(self, request: Request) -> Response:
        """The row of this id, or 404."""
        rows: list[Row] = await self._database.rows(
            f"{self._select} WHERE id = %s", request.path_params["id"]
        )
        return JSONResponse(rows[0]) if rows else JSONResponse({"error": "no such row"}, 404)


def open_database(settings: Settings) -> Database:
    """A small pool of this service's own."""
    return Database(settings.database, PoolSettings(maximum=6))


def table_service(
    settings: Settings, database: Database, routes: Sequence[Route], *background: Background
) -> Starlette:
    """A service with these routes, /status, and these tasks running beside them."""

    async def status(_: Request) -> Response:
        return JSONResponse(status_of(settings.role, postgresql=await database.answers()))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with database.opened(), running(*(task() for task in background)):
            yield

    return build(settings, [*routes, route("/status", status, counted=False)], lifespan)
