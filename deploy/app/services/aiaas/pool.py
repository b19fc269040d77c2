"""The way to the platform's database: bounded statements, and how full the pool is."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta

import psycopg
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg_pool import PoolTimeout

from services.settings import PoolSettings, Settings
from services.store import Database, Row

log = logging.getLogger("services.pool")

STATEMENT_SECONDS = 5
"""A statement that takes longer is ended by the server."""
GIVES_UP_SECONDS = STATEMENT_SECONDS + 1
FAILED = (psycopg.Error, PoolTimeout, TimeoutError)
"""What an ask of the database may raise."""
TIMED_OUT = (psycopg.errors.QueryCanceled, PoolTimeout, TimeoutError)


class PoolGauges(Collector):  # type: ignore[misc] # where its package is not installed
    """The pool's use at the moment of the scrape."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterable[Metric]:
        """Connections by state, and the most that there may be."""
        use = self._database.usage()
        states = GaugeMetricFamily(
            "database_pool_connections", "Pool connections by state.", labels=["state"]
        )
        for state in ("active", "idle", "pending"):
            states.add_metric([state], float(use[state]))
        yield states
        yield GaugeMetricFamily("database_pool_size_max", "Most connections of the pool.", value=use["max"])


class Bounded(Database):
    """A database whose answers are waited for only so long; it can lose connections as a bug would lose them."""

    _leaked: list[psycopg.AsyncConnection[Row]]

    async def rows(self, sql: str, *values: object, timeout: float | None = None) -> list[Row]:
        """The rows of one statement; TimeoutError where they do not come, however slow the way is."""
        async with asyncio.timeout(GIVES_UP_SECONDS):
            return await super().rows(sql, *values, timeout=timeout)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Database]:
        """Open, and told by SIGUSR1 to lose all connections but one, and by SIGUSR2 to find them again."""
        self._leaked = []
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, lambda: loop.create_task(self._leak()))
        loop.add_signal_handler(signal.SIGUSR2, lambda: loop.create_task(self._find()))
        async with super().opened():
            yield self
            await self._find()

    async def _leak(self) -> None:
        while len(self._leaked) < self.settings.maximum - 1:
            self._leaked.append(await self._pool.getconn())
        log.warning("%d connections are taken and not given back", len(self._leaked))

    async def _find(self) -> None:
        while self._leaked:
            await self._pool.putconn(self._leaked.pop())


def open_pool(settings: Settings) -> Database:
    """A pool of DATABASE_POOL_SIZE connections (7) whose statements are ended after five seconds."""
    bounds = PoolSettings(
        maximum=int(os.environ.get("DATABASE_POOL_SIZE", "7")),
        connection_timeout=timedelta(seconds=STATEMENT_SECONDS),
    )
    return Bounded(f"{settings.database} options='-c statement_timeout={STATEMENT_SECONDS}s'", bounds)


@asynccontextmanager
async def measured(database: Database) -> AsyncIterator[None]:
    """The pool open, and its gauges exported."""
    gauges = PoolGauges(database)
    async with database.opened():
        REGISTRY.register(gauges)
        try:
            yield
        finally:
            REGISTRY.unregister(gauges)
