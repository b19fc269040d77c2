"""readiness-app: the API of the platform on port 8000, its metrics on port 9090."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import prometheus_client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.readiness.access import Access, auditor
from services.readiness.datasets import Datasets
from services.readiness.filelogs import log_to_files
from services.readiness.jobs import Jobs
from services.readiness.reads import Databases
from services.readiness.records import Incidents, Maintenance
from services.readiness.response_times import METRICS_PORT, TimeResponses
from services.readiness.surroundings import Surroundings
from services.settings import Settings
from services.store import cache_answers, open_cache
from services.web import build, route


def application(settings: Settings) -> Starlette:
    """The web application of readiness-app."""
    surroundings = Surroundings.from_environment()
    log_to_files(surroundings.logs, settings.role)
    databases, cache = Databases(surroundings), open_cache(settings)
    audit = auditor(databases)
    access, maintenance = Access(databases, surroundings.api_token), Maintenance(databases, audit)
    datasets = Datasets(databases, cache, surroundings.uploads)

    async def health(_: Request) -> Response:
        primary, redis = await databases.primary.answers(), await cache_answers(cache)
        said = {
            "status": "healthy" if primary else "unhealthy",
            "database": _word(primary),
            "cache": _word(redis),
        }
        return JSONResponse(said, 200 if primary else 503)

    async def alive(_: Request) -> Response:
        return JSONResponse({"alive": True})

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        server, thread = prometheus_client.start_http_server(METRICS_PORT)
        async with databases.opened():
            yield
        server.shutdown()
        thread.join()

    routes = [
        route("/health", health, counted=False),
        route("/alive", alive, counted=False),
        *_open_routes(access, datasets, Jobs(databases, audit)),
        *_guarded_routes(access, datasets, Jobs(databases, audit)),
        *_record_routes(access, Incidents(databases, audit), maintenance),
    ]
    app = build(settings, routes, lifespan)
    app.add_middleware(
        TimeResponses, maintenance=maintenance.is_on, may_pass=lambda scope: access.knows(Request(scope))
    )
    return app


def _open_routes(access: Access, datasets: Datasets, jobs: Jobs) -> Sequence[Route]:
    return [
        route("/api/v1/login", access.login, method="POST"),
        route("/api/v1/me", access.me),
        route("/api/v1/datasets", datasets.newest),
        route("/api/v1/datasets", datasets.add, method="POST"),
        route("/api/v1/datasets/{id:int}", datasets.one),
        route("/api/v1/jobs", jobs.submit, method="POST"),
    ]


def _guarded_routes(access: Access, datasets: Datasets, jobs: Jobs) -> Sequence[Route]:
    return [
        route("/api/v1/datasets/validate", access.guarded(datasets.validate_new)),
        route("/api/v1/datasets/{id:int}/validate", access.guarded(datasets.validate_one)),
        route("/api/v1/jobs/{id:int}/status", access.guarded(jobs.status)),
        route("/api/v1/jobs/{id:int}/restart", access.guarded(jobs.restart), method="POST"),
        route("/api/v1/pipelines/status", access.guarded(jobs.pipelines)),
        route("/api/v1/quality/trends", access.guarded(jobs.trends)),
        route("/api/v1/audit/sessions", access.guarded(access.sessions)),
    ]


def _record_routes(access: Access, incidents: Incidents, maintenance: Maintenance) -> Sequence[Route]:
    return [
        route("/api/v1/incidents", access.guarded(incidents.newest)),
        route("/api/v1/incidents", access.guarded(incidents.open), method="POST"),
        route("/api/v1/incidents/{id:int}/stages", access.guarded(incidents.mark), method="POST"),
        route("/api/v1/incidents/{id:int}/{act}", access.guarded(incidents.act), method="POST"),
        route("/api/v1/notices", access.guarded(incidents.notice), method="POST"),
        route(
            "/api/v1/alerts/{fingerprint}/acknowledge",
            access.guarded(incidents.acknowledge_alert),
            method="POST",
        ),
        route("/api/v1/maintenance", maintenance.show),
        route("/api/v1/maintenance", access.guarded(maintenance.switch), method="PUT"),
    ]


def _word(up: bool) -> str:
    return "up" if up else "down"
