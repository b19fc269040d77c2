"""catalog-service: the register of datasets, and the marker rows that backups are measured by."""

from __future__ import annotations

import asyncio
import logging

import psycopg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.aipaas.ledgers import Rows, open_database, table_service
from services.settings import Settings
from services.store import Database
from services.web import json_body, route

log = logging.getLogger("services.aipaas.catalog")

_COLUMNS = "id, name, location, row_count, created_at::text"
_MARKER_SECONDS = 5.0


class Catalog:
    """Entries of table datasets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, request: Request) -> Response:
        """A new dataset."""
        body = await json_body(request, name=str, location=str)
        sql = f"INSERT INTO datasets (name, location) VALUES (%s, %s) RETURNING {_COLUMNS}"
        return JSONResponse((await self._database.rows(sql, body["name"], body["location"]))[0], 201)

    async def write_markers(self) -> None:
        """A row in backup_markers every five seconds: the newest one in a backup tells how old its content is."""
        while True:
            try:
                await self._database.rows("INSERT INTO backup_markers DEFAULT VALUES")
            except psycopg.Error as error:
                log.warning("no marker written", extra={"cause": str(error)})
            await asyncio.sleep(_MARKER_SECONDS)


def application(settings: Settings) -> Starlette:
    """The web application of catalog-service."""
    database = open_database(settings)
    catalog, datasets = Catalog(database), Rows(database, "datasets", _COLUMNS)
    routes = [
        route("/catalog/datasets", datasets.newest),
        route("/catalog/datasets", catalog.add, method="POST"),
        route("/catalog/datasets/{id:int}", datasets.one),
    ]
    return table_service(settings, database, routes, catalog.write_markers)
