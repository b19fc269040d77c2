"""What the cache spares the database; a cache that is away spares nothing, and costs next to nothing either."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import redis.asyncio
import redis.exceptions

PATIENCE_SECONDS = 0.5
"""After this long the database has answered, too."""
LEFT_ALONE_SECONDS = 5.0
KEPT_SECONDS = 20


class Remembering:
    """Texts by key, for a while; a cache that did not answer is left alone for five seconds."""

    def __init__(self, cache: redis.asyncio.Redis, failed: Callable[[], None]) -> None:
        self._cache = cache
        self._failed = failed
        self._left_alone_until = 0.0

    async def read(self, key: str) -> str | None:
        """The text; None where there is none, or nobody to ask."""
        found = await self._asked(lambda: self._cache.get(key))
        return None if found is None else str(found)

    async def write(self, key: str, text: str) -> None:
        """Keeps the text, where there is somebody to keep it."""
        await self._asked(lambda: self._cache.set(key, text, ex=KEPT_SECONDS))

    async def _asked(self, question: Callable[[], Awaitable[object]]) -> object:
        if time.monotonic() < self._left_alone_until:
            self._failed()
            return None
        try:
            # All who wait for a connection wait one after another: each needs an end of its own.
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await question()
        except (redis.exceptions.RedisError, TimeoutError):
            self._left_alone_until = time.monotonic() + LEFT_ALONE_SECONDS
            self._failed()
            return None
