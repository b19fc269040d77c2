"""schema-registry: the versions of each subject's schema; a new one must let in what the old one did."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import Counter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.aiaas import pool
from services.aiaas.access import keyed
from services.aiaas.compatibility import MODES, breaks, fault_of
from services.aiaas.lines import count_lines
from services.settings import Settings
from services.store import Database, Row, status_of
from services.web import build, json_body, route

log = logging.getLogger("services.registry")

FAILURES = Counter(
    "schema_registry_failures",
    "Versions refused, by subject: no schema, or incompatible.",
    ["subject", "reason"],
)
_NEWEST = "SELECT subject, version, schema FROM schemas WHERE subject = %s ORDER BY version DESC LIMIT 1"


class Registry:
    """Tables schemas and subjects."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def subjects(self, _: Request) -> Response:
        """The names of all subjects."""
        rows = await self._database.rows("SELECT DISTINCT subject FROM schemas ORDER BY subject")
        return JSONResponse([row["subject"] for row in rows])

    async def versions(self, request: Request) -> Response:
        """The numbers of a subject's versions, or 404."""
        sql = "SELECT version FROM schemas WHERE subject = %s ORDER BY version"
        rows = await self._database.rows(sql, request.path_params["subject"])
        return JSONResponse([row["version"] for row in rows]) if rows else _unknown()

    async def newest(self, request: Request) -> Response:
        """A subject's newest version, or 404."""
        row = await self._newest(request.path_params["subject"])
        return JSONResponse(row) if row else _unknown()

    async def config(self, request: Request) -> Response:
        """A subject's compatibility mode, or 404."""
        sql = "SELECT subject, compatibility FROM subjects WHERE subject = %s"
        rows = await self._database.rows(sql, request.path_params["subject"])
        return JSONResponse(rows[0]) if rows else _unknown()

    async def configure(self, request: Request) -> Response:
        """A subject's new compatibility mode."""
        mode = str((await json_body(request, compatibility=str))["compatibility"])
        if mode not in MODES:
            raise ValueError(f"compatibility: one of {', '.join(MODES)} expected")
        sql = "UPDATE subjects SET compatibility = %s WHERE subject = %s RETURNING subject, compatibility"
        rows = await self._database.rows(sql, mode, request.path_params["subject"])
        return JSONResponse(rows[0]) if rows else _unknown()

    async def register(self, request: Request) -> Response:
        """The new version; 422 where it is no schema, 409 where it breaks what the newest one lets in."""
        subject = request.path_params["subject"]
        schema: Any = (await json_body(request, schema=dict))["schema"]
        fault = fault_of(schema)
        if fault:
            return _refused(subject, "invalid", fault, 422)
        newest = await self._newest(subject)
        mode = await self._mode(subject)
        if newest and mode != "NONE" and (broken := list(breaks(newest["schema"], schema))):
            return _refused(subject, "incompatible", "; ".join(broken), 409)
        return JSONResponse(
            await self._keep(subject, int(newest["version"]) + 1 if newest else 1, schema), 201
        )

    async def withdraw(self, request: Request) -> Response:
        """204 for the newest version that was taken back, or 404; the first one stays."""
        sql = (
            "DELETE FROM schemas WHERE subject = %s AND version = (SELECT max(version) FROM schemas"
            " WHERE subject = %s) AND version > 1 RETURNING version"
        )
        subject = request.path_params["subject"]
        gone = await self._database.rows(sql, subject, subject)
        return Response(status_code=204) if gone else _unknown()

    async def _newest(self, subject: str) -> Any:
        rows = await self._database.rows(_NEWEST, subject)
        return rows[0] if rows else None

    async def _mode(self, subject: str) -> str:
        rows = await self._database.rows("SELECT compatibility FROM subjects WHERE subject = %s", subject)
        return str(rows[0]["compatibility"]) if rows else "BACKWARD"

    async def _keep(self, subject: str, version: int, schema: object) -> Row:
        await self._database.rows(
            "INSERT INTO subjects (subject) VALUES (%s) ON CONFLICT DO NOTHING", subject
        )
        sql = "INSERT INTO schemas (subject, version, schema) VALUES (%s, %s, %s::jsonb) RETURNING subject, version"
        return (await self._database.rows(sql, subject, version, json.dumps(schema)))[0]

    async def status(self, _: Request) -> Response:
        """Whether the database answers."""
        return JSONResponse(status_of("schema-registry", postgresql=await self._database.answers()))


def _refused(subject: str, reason: str, why: str, code: int) -> Response:
    FAILURES.labels(subject, reason).inc()
    log.warning("schema validation failed for %s: %s: %s", subject, reason, why)
    return JSONResponse({"error": reason, "why": why}, code)


def _unknown() -> Response:
    return JSONResponse({"error": "no such subject"}, 404)


def application(settings: Settings) -> Starlette:
    """The web application of schema-registry."""
    count_lines()
    database = pool.open_pool(settings)
    registry = Registry(database)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with pool.measured(database):
            yield

    routes = [
        route("/subjects", registry.subjects),
        route("/subjects/{subject}/versions", registry.versions),
        route("/subjects/{subject}/versions/latest", registry.newest),
        route("/subjects/{subject}/versions", keyed(registry.register), method="POST"),
        route("/subjects/{subject}/versions/latest", keyed(registry.withdraw), method="DELETE"),
        route("/config/{subject}", registry.config),
        route("/config/{subject}", keyed(registry.configure), method="PUT"),
        route("/status", registry.status, counted=False),
    ]
    return build(settings, routes, lifespan)
