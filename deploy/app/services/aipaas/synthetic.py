"""synthetic-data-service: rows made from a seed, the same seed giving the same rows."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.aipaas.invented import rows_of
from services.aipaas.ledgers import Rows, open_database, table_service
from services.settings import Settings
from services.store import Database
from services.web import json_body, route

MOST_ROWS = 100
_COLUMNS = "id, seed, age, income::text, city"


class Synthetic:
    """Made rows, kept in table synthetic_rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def generate(self, request: Request) -> Response:
        """How many rows were made and kept."""
        body = await json_body(request, rows=int, seed=int)
        count = max(1, min(MOST_ROWS, int(str(body["rows"]))))
        made = rows_of(int(str(body["seed"])), count)
        values = ", ".join(["(%s, %s, %s, %s)"] * len(made))
        sql = f"INSERT INTO synthetic_rows (seed, age, income, city) VALUES {values}"
        await self._database.rows(sql, *(cell for row in made for cell in row))
        return JSONResponse({"rows": len(made)}, 201)


def application(settings: Settings) -> Starlette:
    """The web application of synthetic-data-service."""
    database = open_database(settings)
    routes = [
        route("/synthetic/generate", Synthetic(database).generate, method="POST"),
        route("/synthetic/rows", Rows(database, "synthetic_rows", _COLUMNS).newest),
    ]
    return table_service(settings, database, routes)
