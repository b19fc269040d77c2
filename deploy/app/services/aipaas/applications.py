"""app-management-service: the register of applications, and the actuator that operators read."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import yaml
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.settings import PoolSettings, Settings
from services.store import Database, status_of
from services.web import build, json_body, limit_of, route

CONFIGURATION = Path("/etc/app-management/application.yaml")
_COLUMNS = "id, name, owner, created_at::text"


def hikari_settings(document: str) -> PoolSettings:
    """The pool bounds of an application.yaml; KeyError where one is missing. Times there are in ms."""
    hikari = yaml.safe_load(document)["spring"]["datasource"]["hikari"]
    return PoolSettings(
        maximum=int(hikari["maximum-pool-size"]),
        minimum_idle=int(hikari["minimum-idle"]),
        connection_timeout=timedelta(milliseconds=int(hikari["connection-timeout"])),
        idle_timeout=timedelta(milliseconds=int(hikari["idle-timeout"])),
        max_lifetime=timedelta(milliseconds=int(hikari["max-lifetime"])),
    )


class PoolGauges(Collector):  # type: ignore[misc] # where its package is not installed
    """The pool's use at the moment of the scrape, under HikariCP's names."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """One gauge for each of active, idle, pending and max."""
        for name, value in self._database.usage().items():
            yield GaugeMetricFamily(f"hikaricp_connections_{name}", f"Pool connections: {name}.", value=value)


class Applications:
    """Create, read, update and delete in table applications."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def listed(self, request: Request) -> Response:
        """The newest applications."""
        sql = f"SELECT {_COLUMNS} FROM applications ORDER BY id DESC LIMIT %s"
        return JSONResponse(await self._database.rows(sql, limit_of(request)))

    async def create(self, request: Request) -> Response:
        """A new application."""
        body = await json_body(request, name=str, owner=str)
        sql = f"INSERT INTO applications (name, owner) VALUES (%s, %s) RETURNING {_COLUMNS}"
        return JSONResponse((await self._database.rows(sql, body["name"], body["owner"]))[0], 201)

    async def read(self, request: Request) -> Response:
        """One application, or 404."""
        sql = f"SELECT {_COLUMNS} FROM applications WHERE id = %s"
        return self._one(await self._database.rows(sql, request.path_params["id"]))

    async def update(self, request: Request) -> Response:
        """The application with its new name and owner, or 404."""
        body = await json_body(request, name=str, owner=str)
        sql = f"UPDATE applications SET name = %s, owner = %s WHERE id = %s RETURNING {_COLUMNS}"
        values = (body["name"], body["owner"], request.path_params["id"])
        return self._one(await self._database.rows(sql, *values))

    async def delete(self, request: Request) -> Response:
        """204 for the application that was there, or 404."""
        sql = "DELETE FROM applications WHERE id = %s RETURNING id"
        gone = await self._database.rows(sql, request.path_params["id"])
        return Response(status_code=204) if gone else self._one([])

    @staticmethod
    def _one(rows: list[dict[str, object]]) -> Response:
        return JSONResponse(rows[0]) if rows else JSONResponse({"error": "no such application"}, 404)


class Actuator:
    """Health, metrics and effective configuration, in the actuator's shapes."""

    def __init__(self, service: str, database: Database) -> None:
        self._service = service
        self._database = database

    async def health(self, _: Request) -> Response:
        """UP, or DOWN with 503 where the database does not answer."""
        up = await self._database.answers()
        word = "UP" if up else "DOWN"
        return JSONResponse({"status": word, "components": {"db": {"status": word}}}, 200 if up else 503)

    async def status(self, _: Request) -> Response:
        """Whether the dependencies answer."""
        return JSONResponse(status_of(self._service, postgresql=await self._database.answers()))

    async def names(self, _: Request) -> Response:
        """The names of the metrics that can be asked for."""
        return JSONResponse({"names": sorted(self._measured())})

    async def metric(self, request: Request) -> Response:
        """One metric's measurements, or 404."""
        name = request.path_params["name"]
        measured = self._measured().get(name)
        if measured is None:
            return JSONResponse({"error": "no such metric"}, 404)
        shown = [{"statistic": statistic, "value": value} for statistic, value in measured.items()]
        return JSONResponse({"name": name, "measurements": shown})

    def _measured(self) -> dict[str, dict[str, float]]:
        pool = {f"hikaricp.connections.{k}": {"VALUE": float(v)} for k, v in self._database.usage().items()}
        count = _sum_of("http_request_duration_seconds_count")
        total = _sum_of("http_request_duration_seconds_sum")
        return pool | {"http.server.requests": {"COUNT": count, "TOTAL_TIME": total}}

    async def configuration(self, _: Request) -> Response:
        """The pool settings in force."""
        pool = self._database.settings
        hikari = {
            "maximumPoolSize": pool.maximum,
            "minimumIdle": pool.minimum_idle,
            "connectionTimeout": _milliseconds(pool.connection_timeout),
            "idleTimeout": _milliseconds(pool.idle_timeout),
            "maxLifetime": _milliseconds(pool.max_lifetime),
        }
        beans = {"dataSource": {"prefix": "spring.datasource.hikari", "properties": hikari}}
        return JSONResponse({"contexts": {"application": {"beans": beans}}})


def _sum_of(sample_name: str) -> float:
    samples = (s for family in REGISTRY.collect() for s in family.samples)
    return math.fsum(float(s.value) for s in samples if s.name == sample_name)


def _milliseconds(time: timedelta) -> int:
    return int(time / timedelta(milliseconds=1))


def application(settings: Settings) -> Starlette:
    """The web application of app-management-service."""
    database = Database(settings.database, hikari_settings(CONFIGURATION.read_text()))
    apps, actuator = Applications(database), Actuator(settings.role, database)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with database.opened():
            REGISTRY.register(PoolGauges(database))
            yield

    routes = [
        route("/actuator/health", actuator.health, counted=False),
        route("/actuator/metrics", actuator.names, counted=False),
        route("/actuator/metrics/{name}", actuator.metric, counted=False),
        route("/actuator/configprops", actuator.configuration, counted=False),
        route("/status", actuator.status, counted=False),
        route("/applications", apps.listed),
        route("/applications", apps.create, method="POST"),
        route("/applications/{id:int}", apps.read),
        route("/applications/{id:int}", apps.update, method="PUT"),
        route("/applications/{id:int}", apps.delete, method="DELETE"),
    ]
    return build(settings, routes, lifespan)
