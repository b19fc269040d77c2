"""An agent: takes messages from a Java consumer, works on several at a time, and tells how it fares."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import httpx
import redis.exceptions
from confluent_kafka import KafkaException
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.pipeline.bus import Bus
from services.pipeline.consumer import Consumer, Taken
from services.pipeline.counts import FAILED as FAILURES
from services.pipeline.counts import MESSAGES, WORK, born, count_lines
from services.pipeline.jvm import NoJvm, flags
from services.pipeline.outside import Refused
from services.pipeline.places import Places
from services.pipeline.reports import FAILED, Reports
from services.settings import Settings
from services.store import open_cache
from services.web import build, route

log = logging.getLogger("services.pipeline.agent")

_AT_ONCE = 8
_LATELY = 100
"""How many messages the mean is taken over."""
_PATIENCE_SECONDS = 90.0
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 10.0

Step = Callable[[dict[str, object]], Awaitable[None]]
AWAY = (httpx.HTTPError, redis.exceptions.RedisError, KafkaException)
"""What a server that is away for a while does to a step: it is tried again."""


@dataclass
class Agent:
    """One consumer of one group, and the step that each of its messages goes through."""

    name: str
    consumer: Consumer
    reports: Reports
    bus: Bus
    step: Step
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)
    _lately: deque[float] = field(default_factory=lambda: deque(maxlen=_LATELY))

    async def run(self) -> None:
        """Wait for the topic, consume until told to stop; an agent whose consumer died ends, to be started anew."""
        while not await self.bus.has_topic(self.consumer.topic):
            log.info("waits for topic %s", self.consumer.topic)
            await asyncio.sleep(2)
        await self.consumer.start()
        async for message in self.consumer.messages():
            await self._slots.acquire()
            task = asyncio.create_task(self._work(message))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        log.error("the consumer ended", extra={"code": await self.consumer.ended()})
        os.kill(os.getpid(), signal.SIGTERM)

    async def stop(self) -> None:
        """Leave the group, then finish what is under way."""
        await self.consumer.stop()
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=8)

    async def _work(self, message: Taken) -> None:
        began = time.perf_counter()
        try:
            await self._try(json.loads(message.value))
        except (ValueError, KeyError, TypeError) as error:
            log.error("a message was dropped", extra={"cause": f"{type(error).__name__}: {error}"})
            FAILURES.labels(self.name, "other").inc()
        finally:
            self._slots.release()
            took = time.perf_counter() - began
            self._lately.append(took)
            WORK.labels(self.name).observe(took)
            MESSAGES.labels(self.consumer.topic, "taken").inc()

    async def _try(self, report: dict[str, object]) -> None:
        """The step, tried again while a server is away; a report that is refused, or waited for too long, has failed."""
        until, wait = time.monotonic() + _PATIENCE_SECONDS, _FIRST_WAIT_SECONDS
        while True:
            try:
                await self.step(report)
                return
            except Refused as refused:
                await self._fail(report, refused.who, str(refused))
                return
            except AWAY as error:
                if time.monotonic() > until:
                    await self._fail(report, culprit(error), str(error))
                    return
                log.warning("tries again", extra={"cause": f"{culprit(error)}: {error}"})
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)

    async def _fail(self, report: dict[str, object], who: str, why: str) -> None:
        log.error("report failed", extra={"cause": f"{who}: {why}"})
        if await self.reports.end(str(report["id"]), FAILED, {"error": f"{who}: {why}"[:200]}):
            FAILURES.labels(self.name, who).inc()

    @property
    def mean_seconds(self) -> float:
        """How long this agent worked on a message lately, on average; it must have worked on one."""
        return sum(self._lately) / len(self._lately)

    async def told(self, _: Request) -> Response:
        """The consumer's effective settings, the JVM's flags, and how long a full poll would take to work off."""
        settings = {name.replace(".", "_"): value for name, value in self.consumer.settings.items()}
        try:
            jvm = await asyncio.to_thread(flags, self.consumer.pid)
        except NoJvm as error:
            return JSONResponse({"error": str(error)}, 503)
        records = settings.get("max_poll_records", 0)
        poll: dict[str, float] = {"messages": len(self._lately)}
        if self._lately and isinstance(records, int):
            poll |= {"mean_seconds": self.mean_seconds}
            poll |= {"full_poll_ms": 1000 * records * self.mean_seconds / _AT_ONCE}
        return JSONResponse({"consumer": settings, "jvm": jvm, "poll": poll})

    async def ready(self, _: Request) -> Response:
        """200 once the consumer has its partitions."""
        return JSONResponse({"assigned": self.consumer.assigned}, 200 if self.consumer.assigned else 503)


def culprit(error: Exception) -> str:
    """Who was away: kafka, redis, or the host that a request went to."""
    if isinstance(error, KafkaException):
        return "kafka"
    if isinstance(error, redis.exceptions.RedisError):
        return "redis"
    host = error.request.url.host if isinstance(error, httpx.RequestError) else "other"
    return host if host in ("openai", "github") else "other"


def agent_service(
    settings: Settings, topic: str, group: str, step_of: Callable[[Places, Reports, Bus], Step]
) -> Starlette:
    """The web application of an agent: /admin/consumer, /live, /ready and /metrics; the work goes on beside it."""
    count_lines()
    born(settings.role)
    places, cache = Places.from_environment(), open_cache(settings)
    bus, reports = Bus(places.kafka, settings.role), Reports(cache)
    step = step_of(places, reports, bus)
    agent = Agent(settings.role, Consumer(topic, group, places), reports, bus, step)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(bus.opened())
            running = asyncio.create_task(agent.run())
            yield
            running.cancel()
            await agent.stop()
        await cache.aclose()

    told = {"/live": _live, "/ready": agent.ready, "/admin/consumer": agent.told}
    return build(
        settings, [route(path, endpoint, counted=False) for path, endpoint in told.items()], lifespan
    )


async def _live(_: Request) -> Response:
    """That the process answers; whatever else is away, a restart would not mend it."""
    return JSONResponse({"status": "alive"})
