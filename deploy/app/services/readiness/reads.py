"""Reads from the replica while it answers, from the primary while it does not."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import psycopg
from psycopg_pool import PoolTimeout

from services.readiness.surroundings import Surroundings
from services.settings import PoolSettings
from services.store import Database, Row

log = logging.getLogger("services.readiness.reads")

_PATIENCE = timedelta(seconds=1)
_SHUNNED_SECONDS = 5.0


class Databases:
    """The primary, for everything that writes or must see what was just written, and the replica for the rest."""

    def __init__(self, surroundings: Surroundings, connections: int = 5) -> None:
        self.primary = Database(surroundings.database, PoolSettings(maximum=connections))
        replica_pool = PoolSettings(maximum=3, connection_timeout=_PATIENCE)
        self.replica = Database(surroundings.read_database, replica_pool)
        self._shunned_until = 0.0

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Databases]:
        """Both with their pools open."""
        async with self.primary.opened(), self.replica.opened():
            yield self

    async def read(self, sql: str, *values: object) -> list[Row]:
        """The rows of one query, from the replica or, where that fails, from the primary."""
        if time.monotonic() >= self._shunned_until:
            try:
                return await self.replica.rows(sql, *values)
            except (psycopg.OperationalError, PoolTimeout) as error:
                self._shunned_until = time.monotonic() + _SHUNNED_SECONDS
                log.warning("replica does not answer; reading from the primary", extra={"cause": str(error)})
        return await self.primary.rows(sql, *values)

    async def write(self, sql: str, *values: object) -> list[Row]:
        """The rows of one statement on the primary."""
        return await self.primary.rows(sql, *values)
