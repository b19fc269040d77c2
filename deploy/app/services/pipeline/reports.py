"""A bug report on its way: its state in Redis, where every key runs out."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import redis.asyncio

from services.pipeline.bus import Put
from services.pipeline.counts import REDIS
from services.pipeline.places import DAY_SECONDS

ACTIVE = "requests:active"
"""Sorted set of the ids that are under way, by the time of their last step."""
RECEIVED, TRIAGED, DONE, FAILED = "received", "triaged", "done", "failed"

Fields = dict[str, str]


@dataclass(frozen=True)
class Stuck:
    """A report whose last step was long ago, and where its last message lies."""

    id: str
    status: str
    topic: str
    partition: int
    offset: int


def key_of(report: str) -> str:
    """The key of a report's hash."""
    return f"request:{report}"


class Reports:
    """The states of reports; redis.exceptions.RedisError where Redis does not answer."""

    def __init__(self, cache: redis.asyncio.Redis) -> None:
        # Its types speak of bytes too, which `decode_responses` rules out.
        self._cache: Any = cache

    async def accept(self, report: str, fields: Fields) -> None:
        """A report that just came in; it and the list of those under way run out within a day."""
        now = time.time()
        async with self._cache.pipeline(transaction=True) as steps:
            steps.hset(key_of(report), mapping=fields | {"status": RECEIVED, "accepted_at": f"{now:.3f}"})
            steps.expire(key_of(report), DAY_SECONDS)
            steps.zadd(ACTIVE, {report: now})
            steps.expire(ACTIVE, DAY_SECONDS)
            await steps.execute()
        REDIS.inc()

    async def move(self, report: str, status: str, fields: Fields | None = None) -> None:
        """The report's next state on its way; one that has run out meanwhile is not made again."""
        if not await self._cache.exists(key_of(report)):
            await self._cache.zrem(ACTIVE, report)
            return
        async with self._cache.pipeline(transaction=True) as steps:
            steps.hset(key_of(report), mapping=(fields or {}) | {"status": status})
            steps.expire(key_of(report), DAY_SECONDS, nx=True)
            steps.zadd(ACTIVE, {report: time.time()})
            steps.expire(ACTIVE, DAY_SECONDS)
            await steps.execute()
        REDIS.inc(2)

    async def end(self, report: str, status: str, fields: Fields) -> bool:
        """The report's last state; whether it had none before, so that two who end it count once."""
        async with self._cache.pipeline(transaction=True) as steps:
            steps.zrem(ACTIVE, report)
            steps.hset(key_of(report), mapping=fields | {"status": status})
            steps.expire(key_of(report), DAY_SECONDS, nx=True)
            removed, *_ = await steps.execute()
        REDIS.inc()
        return bool(removed)

    async def lies_at(self, report: str, put: Put) -> None:
        """Remember where the report's newest message lies."""
        where = {"topic": put.topic, "partition": str(put.partition), "offset": str(put.offset)}
        async with self._cache.pipeline(transaction=True) as steps:
            steps.hset(key_of(report), mapping=where)
            steps.expire(key_of(report), DAY_SECONDS, nx=True)
            await steps.execute()
        REDIS.inc()

    async def one(self, report: str) -> Fields:
        """A report's fields; none where there is no such report."""
        REDIS.inc()
        found: Fields = await self._cache.hgetall(key_of(report))
        return found

    async def active(self) -> int:
        """How many reports are under way."""
        REDIS.inc()
        return int(await self._cache.zcard(ACTIVE))

    async def newest(self, start: int, count: int) -> list[Fields]:
        """Reports under way, newest first."""
        names = await self._cache.zrevrange(ACTIVE, start, start + count - 1)
        async with self._cache.pipeline(transaction=False) as steps:
            for name in names:
                steps.hgetall(key_of(name))
            found = await steps.execute()
        REDIS.inc(2)
        return [{"id": name} | fields for name, fields in zip(names, found, strict=True)]

    async def stuck(self, older_than_seconds: float) -> list[Stuck]:
        """Reports whose last step is older than that; those that have run out are forgotten."""
        names: Iterable[str] = await self._cache.zrangebyscore(
            ACTIVE, "-inf", time.time() - older_than_seconds, start=0, num=200
        )
        found = []
        for name in names:
            fields = await self.one(name)
            if not fields:
                await self._cache.zrem(ACTIVE, name)
            elif "offset" in fields:
                place = (fields["topic"], int(fields["partition"]), int(fields["offset"]))
                found.append(Stuck(name, fields["status"], *place))
        return found

    async def first_to(self, what: str, seconds: int) -> bool:
        """Whether nobody else did this within so many seconds."""
        REDIS.inc()
        return bool(await self._cache.set(f"once:{what}", "1", nx=True, ex=seconds))

    async def forget(self, what: str) -> None:
        """Let somebody do it again."""
        REDIS.inc()
        await self._cache.delete(f"once:{what}")
