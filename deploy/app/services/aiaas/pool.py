"""The way to the platform's database: bounded statements, and how full the pool is."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta

import psycopg
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg_pool import PoolTimeout

from services.settings import PoolSettings, Settings
from services.store import Database

STATEMENT_SECONDS = 5
"""A statement that takes longer is ended by the server."""
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


def open_pool(settings: Settings) -> Database:
    """A pool of DATABASE_POOL_SIZE connections (5) whose statements are ended after five seconds."""
    bounds = PoolSettings(
        maximum=int(os.environ.get("DATABASE_POOL_SIZE", "5")),
        connection_timeout=timedelta(seconds=STATEMENT_SECONDS),
    )
    return Database(f"{settings.database} options='-c statement_timeout={STATEMENT_SECONDS}s'", bounds)


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
