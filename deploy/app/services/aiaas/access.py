"""Who may ask: the bearer of the platform's API key."""

from __future__ import annotations

import hmac
import os
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

Endpoint = Callable[[Request], Awaitable[Response]]


def api_key() -> str:
    """The key that API_KEY holds; "" where there is none, and then nobody gets in."""
    return os.environ.get("API_KEY", "")


def next_key() -> str:
    """The key of API_KEY_NEXT, which counts as well while keys are changed; "" where there is none."""
    return os.environ.get("API_KEY_NEXT", "")


def knows_the_key(request: Request) -> bool:
    """Whether the request bears the key, as `X-API-Key` or as a bearer token."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    shown = request.headers.get("x-api-key") or (token if kind == "Bearer" else "")
    known = [key for key in (api_key(), next_key()) if key]
    return any(hmac.compare_digest(shown.encode(), key.encode()) for key in known)


def keyed(endpoint: Endpoint) -> Endpoint:
    """The endpoint for bearers of the key; 401 for everybody else."""

    async def guarded(request: Request) -> Response:
        if not knows_the_key(request):
            return JSONResponse({"error": "an API key is needed"}, 401)
        return await endpoint(request)

    return guarded
