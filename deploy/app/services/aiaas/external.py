"""external-service: stands in for the external API, over plain HTTP on PORT and over TLS on TLS_PORT."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.settings import Settings
from services.web import build, json_body, route

_TLS = Path(os.environ.get("TLS_DIRECTORY", "/etc/external-tls"))


class Moods:
    """How often it fails: every so many-th search, or never (0); a restart forgets it."""

    def __init__(self) -> None:
        self._failing_every = 0
        self._asked = 0

    async def change(self, request: Request) -> Response:
        """The new mood: `failing_every`."""
        body = await json_body(request, failing_every=int)
        self._failing_every = max(0, int(str(body["failing_every"])))
        return JSONResponse({"failing_every": self._failing_every})

    async def search(self, request: Request) -> Response:
        """What it finds, or the failure whose turn it is."""
        self._asked += 1
        if self._failing_every and self._asked % self._failing_every == 0:
            return JSONResponse({"error": "not today"}, 500)
        return await found_for(request)


async def found_for(request: Request) -> Response:
    """Three findings, the same for the same query."""
    query = request.query_params.get("q", "")
    digest = hashlib.sha256(query.encode()).hexdigest()
    found = [{"title": f"{query} {n}", "reference": digest[n * 8 : n * 8 + 8]} for n in range(3)]
    return JSONResponse({"results": found})


def _application(settings: Settings) -> Starlette:
    """The web application of external-service."""
    moods = Moods()
    routes = [
        route("/search", moods.search),
        route("/behaviour", moods.change, method="POST", counted=False),
    ]
    return build(settings, routes)


def run(settings: Settings) -> None:
    """Answer on both ports until SIGTERM."""
    asyncio.run(_both(settings))


async def _both(settings: Settings) -> None:
    app = _application(settings)
    plain = uvicorn.Config(app, host="0.0.0.0", port=settings.port, log_config=None, access_log=False)
    sealed = uvicorn.Config(
        app,
        host="0.0.0.0",
        port=int(os.environ.get("TLS_PORT", "8443")),
        ssl_certfile=str(_TLS / "tls.crt"),
        ssl_keyfile=str(_TLS / "tls.key"),
        log_config=None,
        access_log=False,
        lifespan="off",
    )
    servers = [uvicorn.Server(plain), uvicorn.Server(sealed)]
    ending = [asyncio.ensure_future(server.serve()) for server in servers]
    # Each server takes the signal handlers; whichever hears SIGTERM ends both.
    await asyncio.wait(ending, return_when=asyncio.FIRST_COMPLETED)
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*ending)
