"""training-service: jobs that are queued, run one at a time, and keep their loss."""

from __future__ import annotations

import asyncio
import logging

import psycopg
from prometheus_client import Counter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.aipaas.ledgers import Rows, open_database, table_service
from services.settings import Settings
from services.store import Database
from services.web import json_body, route

log = logging.getLogger("services.aipaas.training")

TRAINED = Counter("training_jobs", "Training jobs by outcome.", ["outcome"])
_COLUMNS = "id, model, status, loss, created_at::text, finished_at::text"
_IDLE_SECONDS = 5.0


def train(steps: int = 200) -> float:
    """The loss of a one-parameter regression after so many steps of gradient descent."""
    weight = 0.0
    points = [(x / 10, 3 * x / 10) for x in range(1, 11)]
    for _ in range(steps):
        gradient = sum(2 * (weight * x - y) * x for x, y in points) / len(points)
        weight -= 0.1 * gradient
    return sum((weight * x - y) ** 2 for x, y in points) / len(points)


class Training:
    """The queue of jobs and the worker that empties it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queued = asyncio.Event()

    async def submit(self, request: Request) -> Response:
        """A new job in the queue."""
        body = await json_body(request, model=str)
        sql = f"INSERT INTO jobs (model, status) VALUES (%s, 'queued') RETURNING {_COLUMNS}"
        rows = await self._database.rows(sql, body["model"])
        self._queued.set()
        return JSONResponse(rows[0], 202)

    async def work(self) -> None:
        """Run queued jobs for ever; a database that is away is waited for."""
        while True:
            try:
                while await self._run_one():
                    pass
            except psycopg.Error as error:
                log.warning("no jobs for now", extra={"cause": str(error)})
            self._queued.clear()
            try:
                async with asyncio.timeout(_IDLE_SECONDS):
                    await self._queued.wait()
            except TimeoutError:
                continue

    async def _run_one(self) -> bool:
        claimed = await self._database.rows(
            "UPDATE jobs SET status = 'running' WHERE id = (SELECT id FROM jobs WHERE status = 'queued'"
            " ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id"
        )
        if not claimed:
            return False
        await self._database.rows(
            "UPDATE jobs SET status = 'finished', loss = %s, finished_at = clock_timestamp() WHERE id = %s",
            train(),
            claimed[0]["id"],
        )
        TRAINED.labels("finished").inc()
        return True


def application(settings: Settings) -> Starlette:
    """The web application of training-service."""
    database = open_database(settings)
    training, jobs = Training(database), Rows(database, "jobs", _COLUMNS)
    routes = [
        route("/training/jobs", training.submit, method="POST"),
        route("/training/jobs", jobs.newest),
        route("/training/jobs/{id:int}", jobs.one),
    ]
    return table_service(settings, database, routes, training.work)
