"""schema-service: the register of schemas, and the check of a record against one."""

from __future__ import annotations

import json

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.aipaas.ledgers import Rows, open_database, table_service
from services.settings import Settings
from services.store import Database
from services.web import json_body, route

_COLUMNS = "id, name, version, fields, created_at::text"
_KINDS: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def faults_of(record: dict[str, object], fields: dict[str, str]) -> list[str]:
    """What is wrong with the record, one sentence a field."""
    missing = [f"{name} is missing" for name in fields if name not in record]
    unknown = [f"{name} is unknown" for name in record if name not in fields]
    wrong = [
        f"{name} is not {kind}"
        for name, kind in fields.items()
        if name in record and not isinstance(record[name], _KINDS.get(kind, ()))
    ]
    return missing + unknown + wrong


class Schemas:
    """Entries of table schemas."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, request: Request) -> Response:
        """The next version of the schema of this name."""
        body = await json_body(request, name=str, fields=dict)
        rows = await self._database.rows(
            "INSERT INTO schemas (name, version, fields) SELECT %s, coalesce(max(version), 0) + 1, %s::jsonb"
            f" FROM schemas WHERE name = %s RETURNING {_COLUMNS}",
            body["name"],
            json.dumps(body["fields"]),
            body["name"],
        )
        return JSONResponse(rows[0], 201)

    async def check(self, request: Request) -> Response:
        """What is wrong with the posted record under the schema of this id, or 404."""
        record = await json_body(request)
        rows = await self._database.rows(
            "SELECT fields FROM schemas WHERE id = %s", request.path_params["id"]
        )
        if not rows:
            return JSONResponse({"error": "no such schema"}, 404)
        fields = rows[0]["fields"]
        assert isinstance(fields, dict)
        faults = faults_of(record, fields)
        return JSONResponse({"valid": not faults, "faults": faults})


def application(settings: Settings) -> Starlette:
    """The web application of schema-service."""
    database = open_database(settings)
    schemas, rows = Schemas(database), Rows(database, "schemas", _COLUMNS)
    routes = [
        route("/schema/schemas", rows.newest),
        route("/schema/schemas", schemas.add, method="POST"),
        route("/schema/schemas/{id:int}", rows.one),
        route("/schema/schemas/{id:int}/check", schemas.check, method="POST"),
    ]
    return table_service(settings, database, routes)
