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
from services.web import build, route

_TLS = Path(os.environ.get("TLS_DIRECTORY", "/etc/external-tls"))


async def search(request: Request) -> Response:
    """Three findings, the same for the same query."""
    query = request.query_params.get("q", "")
    digest = hashlib.sha256(query.encode()).hexdigest()
    found = [{"title": f"{query} {n}", "reference": digest[n * 8 : n * 8 + 8]} for n in range(3)]
    return JSONResponse({"results": found})


def _application(settings: Settings) -> Starlette:
    """The web application of external-service."""
    return build(settings, [route("/search", search)])


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
