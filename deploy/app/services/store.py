"""The way to PostgreSQL and Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg
import redis.asyncio
import redis.exceptions
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from services.settings import PoolSettings, Settings

Row = dict[str, object]
_PROBE_SECONDS = 1.0
_PATIENCE_SECONDS = 5.0


class Database:
    """A pool of connections to PostgreSQL, each statement its own transaction."""

    def __init__(self, conninfo: str, pool: PoolSettings) -> None:
        self.settings = pool
        self._pool = AsyncConnectionPool(
            conninfo,
            min_size=pool.minimum_idle,
            max_size=pool.maximum,
            timeout=pool.connection_timeout.total_seconds(),
            max_idle=pool.idle_timeout.total_seconds(),
            max_lifetime=pool.max_lifetime.total_seconds(),
            # Every statement stands alone, so none needs a BEGIN and a COMMIT of its own around it.
            kwargs={"row_factory": dict_row, "autocommit": True},
            # A connection that a restart of the server broke must not reach a request.
            check=AsyncConnectionPool.check_connection,
            reconnect_timeout=5.0,
            open=False,
        )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Database]:
        """This database with its pool open, and a first connection made where the server answers soon."""
        await self._pool.open(wait=False)
        try:
            # A replica that is ready should not make its first users wait; one whose database is away must start too.
            with suppress(psycopg.Error):
                await self.rows("SELECT 1", timeout=_PATIENCE_SECONDS)
            yield self
        finally:
            await self._pool.close(timeout=2)

    async def rows(self, sql: str, *values: object, timeout: float | None = None) -> list[Row]:
        """The rows of one statement; psycopg.Error where it fails, PoolTimeout where no connection is free."""
        async with self._pool.connection(timeout=timeout) as connection:
            cursor = await connection.execute(sql.encode(), values)
            return await cursor.fetchall() if cursor.description else []

    async def answers(self) -> bool:
        """Whether the server answers a statement within a second."""
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                return bool(await self.rows("SELECT 1 AS one", timeout=_PROBE_SECONDS))
        except (psycopg.Error, TimeoutError):
            return False

    def usage(self) -> dict[str, int]:
        """How many connections are active, idle, waited for, and at most allowed."""
        now = self._pool.get_stats()
        size, idle = now.get("pool_size", 0), now.get("pool_available", 0)
        return {
            "active": max(0, size - idle),
            "idle": idle,
            "pending": now.get("requests_waiting", 0),
            "max": self.settings.maximum,
        }


def open_cache(settings: Settings) -> redis.asyncio.Redis:
    """A client of Redis that gives up after two tries of a second each."""
    return redis.asyncio.Redis(
        host=settings.redis_host,
        password=settings.redis_password or None,
        socket_timeout=1.0,
        socket_connect_timeout=1.0,
        # One more try for a connection that broke while nobody used it; left to itself, the client waits for up to ten seconds.
        retry=Retry(NoBackoff(), 1),
        decode_responses=True,
    )


async def cache_answers(cache: redis.asyncio.Redis) -> bool:
    """Whether Redis answers PONG within a second."""
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            return bool(await cache.ping())
    except (redis.exceptions.RedisError, TimeoutError):
        return False


def status_of(service: str, **dependencies: bool) -> dict[str, object]:
    """A status document: `ok`, or `degraded` where a dependency is down."""
    named = {name: "up" if up else "down" for name, up in dependencies.items()}
    return {
        "service": service,
        "status": "ok" if all(dependencies.values()) else "degraded",
        "dependencies": named,
    }
