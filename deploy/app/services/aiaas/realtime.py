"""realtime-service: pushes events to WebSocket clients; what one pod is told, the clients of all pods get."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import redis.asyncio
import redis.exceptions
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from services.aiaas.access import keyed
from services.aiaas.lines import count_lines
from services.aiaas.sockets import REFUSED, Hub
from services.settings import Settings
from services.store import cache_answers, open_cache, status_of
from services.tasks import running
from services.web import build, json_body, route

log = logging.getLogger("services.realtime")

LIMIT_KEY = "ws:max_connections"
CHANNEL = "ws:events"
_PERIOD_SECONDS = 2.0
_MOST_AT_ONCE = 1000
_SMALLEST_MESSAGE, _LARGEST_MESSAGE = 1, 16384


class Realtime:
    """The sockets of this pod, the limit in Redis, and the channel that all pods hear."""

    def __init__(self, settings: Settings) -> None:
        self.hub = Hub(int(os.environ.get("WS_MAX_CONNECTIONS", "500")))
        self._first_limit = self.hub.limit
        self.cache: redis.asyncio.Redis = open_cache(settings)

    async def connect(self, websocket: WebSocket) -> None:
        """A connection served to its end; a handshake beyond the limit is answered with 503."""
        if self.hub.full:
            REFUSED.inc()
            log.warning("websocket connection refused: %d are open", self.hub.count)
            answer = JSONResponse({"error": "too many connections"}, 503, {"Retry-After": "5"})
            await websocket.send_denial_response(answer)
            return
        await self.hub.welcome(websocket)

    async def publish(self, request: Request) -> Response:
        """How many pods heard the event, sent `count` times and padded to `size` bytes."""
        body = await json_body(request, event=str)
        count = _bounded(body.get("count", 1), 1, _MOST_AT_ONCE)
        size = _bounded(body.get("size", 1), _SMALLEST_MESSAGE, _LARGEST_MESSAGE)
        message = json.dumps({"event": body["event"]}).ljust(size)
        heard = 0
        for _ in range(count):
            heard = await self.cache.publish(CHANNEL, message)
        return JSONResponse({"pods": heard, "count": count}, 202)

    async def connections(self, _: Request) -> Response:
        """How many are open in this pod, and how many may be."""
        return JSONResponse({"open": self.hub.count, "max": self.hub.limit})

    async def heed_limit(self) -> None:
        """Read the limit out of Redis for ever; the first pod of all writes it there."""
        while True:
            try:
                await self.cache.set(LIMIT_KEY, str(self._first_limit), nx=True)
                self._take(await self.cache.get(LIMIT_KEY))
            except redis.exceptions.RedisError as error:
                log.warning("the limit stays for now", extra={"cause": str(error)})
            await asyncio.sleep(_PERIOD_SECONDS)

    def _take(self, said: str | bytes | None) -> None:
        try:
            limit = int(said or "")
        except ValueError:
            limit = 0
        if limit < 1:
            log.error("%s is %r, a positive number is expected", LIMIT_KEY, said)
        elif limit != self.hub.limit:
            log.warning("connection limit is %d now, was %d", limit, self.hub.limit)
            self.hub.limit = limit

    async def hear(self) -> None:
        """Pass on what the channel says to this pod's sockets, for ever."""
        while True:
            try:
                async with self.cache.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(CHANNEL)
                    while True:
                        await self._pass_on(channel)
            except redis.exceptions.RedisError as error:
                log.warning("no events for now", extra={"cause": str(error)})
            await asyncio.sleep(1.0)

    async def _pass_on(self, channel: redis.asyncio.client.PubSub) -> None:
        with suppress(redis.exceptions.TimeoutError):
            heard = await channel.get_message(timeout=_PERIOD_SECONDS)
            if heard is not None:
                self.hub.tell_all(str(heard["data"]))

    async def status(self, _: Request) -> Response:
        """Whether Redis answers."""
        return JSONResponse(status_of("realtime-service", redis=await cache_answers(self.cache)))


def _bounded(value: object, least: int, most: int) -> int:
    if not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{least} to {most} expected, not {value!r}")
    return value


def application(settings: Settings) -> Starlette:
    """The web application of realtime-service."""
    count_lines()
    realtime = Realtime(settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with running(realtime.heed_limit(), realtime.hear()):
            yield

    routes = [
        WebSocketRoute("/ws", realtime.connect),
        route("/api/v1/publish", keyed(realtime.publish), method="POST"),
        route("/api/v1/connections", realtime.connections),
        route("/status", realtime.status, counted=False),
    ]
    return build(settings, routes, lifespan)
