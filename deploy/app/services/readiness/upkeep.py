"""readiness-upkeep: writes down how the platform does, keeps its statistics fresh, and answers alerts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import psycopg
from prometheus_client import Gauge
from psycopg_pool import PoolTimeout
from starlette.applications import Starlette

from services.readiness.alert_register import AlertRegister
from services.readiness.figures import Figures
from services.readiness.housekeeping import Housekeeping
from services.readiness.outages import Outages
from services.readiness.overall import findings
from services.readiness.reads import Databases
from services.readiness.surroundings import Surroundings
from services.settings import Settings
from services.tasks import running
from services.web import build

log = logging.getLogger("services.readiness.upkeep")

WELL = Gauge("readiness_part_well", "Whether a part of the platform is well.", ["part"])
RESTORE_TEST = Gauge("restore_test_succeeded", "Whether the newest restore test succeeded.", ["kind"])
RESTORE_AGE = Gauge(
    "restore_test_finished_timestamp_seconds", "When the newest restore test ended.", ["kind"]
)
_DONE = "INSERT INTO recorders VALUES (%s, clock_timestamp()) ON CONFLICT (name) DO UPDATE SET succeeded_at = EXCLUDED.succeeded_at"
_TESTS = "SELECT DISTINCT ON (kind) kind, succeeded, extract(epoch FROM finished_at) AS at FROM restore_tests ORDER BY kind, finished_at DESC"

Turn = Callable[[], Awaitable[None]]


class Upkeep:
    """The loops; each leaves its time in table recorders when a turn of it succeeded."""

    def __init__(self, databases: Databases, surroundings: Surroundings) -> None:
        self._databases = databases
        self._surroundings = surroundings

    async def every(self, period: timedelta, name: str, turn: Turn) -> None:
        """Take this turn again and again; one that fails is logged and comes again."""
        while True:
            try:
                await turn()
                await self._databases.write(_DONE, name)
            except (psycopg.Error, PoolTimeout, OSError, LookupError, ValueError) as error:
                log.warning("%s: not done", name, extra={"cause": f"{type(error).__name__}: {error}"})
            await asyncio.sleep(period.total_seconds())

    async def marker(self) -> None:
        """A row in backup_markers: the newest one in a backup tells how old its content is."""
        await self._databases.write("INSERT INTO backup_markers DEFAULT VALUES")

    async def parts(self) -> None:
        """The state of each part and of the newest restore tests, as metrics."""
        for finding in await findings(self._databases, self._surroundings.gateway):
            WELL.labels(finding.part).set(finding.well)
        for row in await self._databases.write(_TESTS):
            RESTORE_TEST.labels(row["kind"]).set(bool(row["succeeded"]))
            RESTORE_AGE.labels(row["kind"]).set(float(str(row["at"])))


def application(settings: Settings) -> Starlette:
    """The web application of readiness-upkeep: its metrics; the loops run beside it."""
    surroundings = Surroundings.from_environment()
    databases = Databases(surroundings, connections=4)
    upkeep = Upkeep(databases, surroundings)
    register = AlertRegister(databases, surroundings.alertmanager)
    figures, housekeeping = Figures(databases, surroundings), Housekeeping(databases, surroundings)
    outages = Outages(databases, partial(findings, databases, surroundings.gateway), figures.ask)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        loops = [
            (timedelta(seconds=5), "markers", upkeep.marker),
            (timedelta(seconds=10), "parts", upkeep.parts),
            (timedelta(seconds=5), "alerts", register.take_up),
            (timedelta(seconds=10), "on-call", register.answer),
            (timedelta(seconds=5), "outages", outages.watch),
            (timedelta(seconds=60), "figures", figures.record),
            (timedelta(seconds=60), "capacity", figures.sample),
            (timedelta(seconds=60), "health-check", figures.check),
            (timedelta(seconds=60), "housekeeping", housekeeping.tidy),
        ]
        async with databases.opened(), running(*(upkeep.every(*loop) for loop in loops)):
            yield

    return build(settings, [], lifespan)
