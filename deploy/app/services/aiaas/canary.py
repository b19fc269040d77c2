"""aiaas-canary: one user with one client, about two requests a second and two sockets, all day long."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import websockets
from prometheus_client import Counter, Gauge, Histogram
from starlette.applications import Starlette

from services.aiaas.access import api_key
from services.aiaas.lines import count_lines
from services.aiaas.upstream import open_client
from services.metrics import BUCKETS
from services.settings import Settings
from services.tasks import running
from services.web import build

log = logging.getLogger("services.canary")

GATEWAY = os.environ.get("GATEWAY_URL", "http://api-gateway:8000")
REGISTRY = os.environ.get("SCHEMA_REGISTRY_URL", "http://schema-registry:8080")
REALTIME = os.environ.get("REALTIME_URL", "http://realtime-service:8000")
REQUESTS = Counter("canary_requests", "Requests of the canary; 000 is no answer.", ["flow", "code"])
SECONDS = Histogram("canary_request_duration_seconds", "Time to an answer.", ["flow"], buckets=BUCKETS)
UP = Gauge("canary_flow_up", "1 where the newest answer was as it should be, and none is late.", ["flow"])
SOCKETS = Gauge("canary_websocket_connections", "Connections that the canary holds open.")
_TIMEOUT_SECONDS = 10.0
_GOOD_WITHIN_SECONDS = 2.0
_AGAIN_SECONDS = 2.0
_NUMBERS = itertools.count(1)
_VERSION, _OLD_VERSION = "2.1.0", "0.9.3"


@dataclass(frozen=True)
class Turn:
    """One request, and how often it is made."""

    flow: str
    url: str
    bodies: Iterator[Any]
    every_seconds: float
    version: str = _VERSION
    method: str = "POST"
    code: str = "200"
    """What the answer should be."""


def turns() -> list[Turn]:
    """Everything the canary asks."""
    requests, check = f"{GATEWAY}/api/v1/requests", f"{GATEWAY}/api/v1/validate"
    searches = itertools.cycle(_wanted("search", {"query": f"drill {n}"}) for n in range(5))
    sums = itertools.cycle([_wanted("calculator", {"operation": "+", "left": 2, "right": 3})])
    words = itertools.cycle([_wanted("glossary", {"word": "breaker"})])
    narrower = itertools.cycle([{"schema": {"type": "object", "required": ["event", "at"]}}])
    event = itertools.cycle([{"event": "canary"}])
    return [
        Turn("search", requests, searches, 1.5),
        Turn("calculator", requests, sums, 2.0),
        Turn("glossary", requests, words, 2.0),
        Turn("validate", check, itertools.cycle([_wanted("glossary", {"word": "slo"})]), 5.0),
        # An old client, whose bodies are refused: that they are is watched all the time.
        Turn("refused", check, itertools.cycle([{"test": "data"}]), 5.0, _OLD_VERSION, code="422"),
        Turn("incompatible", f"{REGISTRY}/subjects/event/versions", narrower, 30.0, code="409"),
        Turn("publish", f"{REALTIME}/api/v1/publish", event, 5.0, code="202"),
        Turn("connections", f"{REALTIME}/api/v1/connections", itertools.repeat(None), 5.0, method="GET"),
    ]


def _wanted(tool: str, given: dict[str, object]) -> dict[str, object]:
    return {"user": "canary", "tool": tool, "input": given}


async def keep_asking(client: httpx.AsyncClient, turn: Turn) -> None:
    """Make a turn's requests for ever; a slow answer delays the next and is not made up for."""
    while True:
        began = time.monotonic()
        # Whoever waits for the end of a silence tells of it late.
        late = asyncio.get_running_loop().call_later(_GOOD_WITHIN_SECONDS, UP.labels(turn.flow).set, 0)
        code = await _code(client, turn)
        late.cancel()
        took = time.monotonic() - began
        REQUESTS.labels(turn.flow, code).inc()
        UP.labels(turn.flow).set(code == turn.code and took <= _GOOD_WITHIN_SECONDS)
        SECONDS.labels(turn.flow).observe(took)
        await asyncio.sleep(max(0.0, turn.every_seconds - took))


async def _code(client: httpx.AsyncClient, turn: Turn) -> str:
    headers = {"X-API-Key": api_key(), "X-Client-Version": turn.version}
    headers["X-Request-Id"] = f"canary-{next(_NUMBERS)}"
    try:
        answer = await client.request(turn.method, turn.url, json=next(turn.bodies), headers=headers)
    except httpx.HTTPError as error:
        log.warning("no answer", extra={"route": turn.url, "cause": f"{type(error).__name__}: {error}"})
        return "000"
    return str(answer.status_code)


async def keep_listening() -> None:
    """Hold one socket open for ever, opening it anew when it ends."""
    url = f"{REALTIME.replace('http', 'ws', 1)}/ws"
    while True:
        try:
            async with websockets.connect(url, open_timeout=_TIMEOUT_SECONDS, proxy=None) as socket:
                with SOCKETS.track_inprogress():
                    async for _ in socket:
                        pass
        except (OSError, TimeoutError, websockets.WebSocketException) as error:
            log.warning("no socket", extra={"cause": f"{type(error).__name__}: {error}"})
        await asyncio.sleep(_AGAIN_SECONDS)


def application(settings: Settings) -> Starlette:
    """The canary's own web application: its metrics; the traffic runs in tasks beside it."""
    count_lines()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with open_client(_TIMEOUT_SECONDS) as client:
            asking = [keep_asking(client, turn) for turn in turns()]
            async with running(*asking, keep_listening(), keep_listening()):
                yield

    return build(settings, [], lifespan)
