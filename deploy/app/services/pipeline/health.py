"""What a pipeline service knows of the servers it needs, asked every two seconds and told at once."""

from __future__ import annotations

import asyncio
import json
import os
import time

import httpx
import redis.asyncio
import redis.exceptions
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.pipeline.bus import Bus
from services.pipeline.counts import DEPENDENCY
from services.store import cache_answers

_PERIOD_SECONDS = 2.0
_STALE_SECONDS = 12.0
DAILY = "report:daily"
"""Where the daily report job leaves its newest report."""


class Health:
    """The dependencies' states; Redis and Kafka decide whether the service is healthy, the others are told."""

    def __init__(self, role: str, cache: redis.asyncio.Redis, bus: Bus, outside: dict[str, str]) -> None:
        self._role = role
        self._cache = cache
        self._bus = bus
        self._outside = outside
        self._seen: dict[str, bool] = {}
        self._seen_at = float("-inf")

    async def watch(self) -> None:
        """Ask every dependency for ever."""
        async with httpx.AsyncClient(timeout=1.0) as client:
            while True:
                answers = [cache_answers(self._cache), self._bus.answers()]
                answers += [_answers(client, url) for url in self._outside.values()]
                names = ["redis", "kafka", *self._outside]
                self._seen = dict(zip(names, await asyncio.gather(*answers), strict=True))
                self._seen_at = time.monotonic()
                for name, up in self._seen.items():
                    DEPENDENCY.labels(name).set(up)
                await asyncio.sleep(_PERIOD_SECONDS)

    @property
    def well(self) -> bool:
        """Whether Redis and Kafka answered lately."""
        fresh = time.monotonic() - self._seen_at < _STALE_SECONDS
        return fresh and self._seen.get("redis", False) and self._seen.get("kafka", False)

    async def told(self, _: Request) -> Response:
        """Each dependency, and which pod of which release says so; 503 where Redis or Kafka is away."""
        named = {name: "up" if up else "down" for name, up in self._seen.items()}
        status = ("ok" if all(self._seen.values()) else "degraded") if self.well else "down"
        document = {
            "service": self._role,
            "status": status,
            "dependencies": named,
            "pod": os.environ.get("POD_NAME", ""),
            "version": os.environ.get("VERSION", ""),
        }
        return JSONResponse(document, 200 if self.well else 503)

    async def live(self, _: Request) -> Response:
        """That the process answers; whatever else is away, a restart would not mend it."""
        return JSONResponse({"status": "alive"})

    async def daily(self, _: Request) -> Response:
        """The newest daily report; 404 where none was made yet."""
        text = await self._cache.get(DAILY)
        if not text:
            return JSONResponse({"error": "no report yet"}, 404)
        report = json.loads(text)
        return JSONResponse(report | {"age_seconds": round(time.time() - report["made_at"], 3)})


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return bool((await client.get(f"{url}/health")).status_code == 200)
    except httpx.HTTPError:
        return False
