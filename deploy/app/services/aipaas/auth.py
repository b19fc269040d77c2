"""auth-service: registration, login, sessions."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import redis.asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.metrics import REGISTRATIONS
from services.settings import PoolSettings, Settings
from services.store import Database, cache_answers, open_cache, status_of
from services.tokens import hash_password, password_matches, sign, verify
from services.web import build, json_body, route


class Auth:
    """What auth-service does with its database and its session store."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ttl = int(settings.session_ttl.total_seconds())
        self.database = Database(settings.database, PoolSettings(maximum=5))
        self._cache: redis.asyncio.Redis = open_cache(settings)

    async def status(self, _: Request) -> Response:
        """Whether the dependencies answer."""
        postgresql, cache = await self.database.answers(), await cache_answers(self._cache)
        return JSONResponse(status_of(self._settings.role, postgresql=postgresql, redis=cache))

    async def register(self, request: Request) -> Response:
        """A new user, or 409 where the name is taken."""
        body = await json_body(request, username=str, password=str)
        stored = hash_password(str(body["password"]), self._settings.hash_rounds)
        rows = await self.database.rows(
            "INSERT INTO users (username, password_hash) VALUES (%s, %s)"
            " ON CONFLICT (username) DO NOTHING RETURNING id, username",
            body["username"],
            stored,
        )
        if not rows:
            return JSONResponse({"error": "the name is taken"}, 409)
        REGISTRATIONS.inc()
        return JSONResponse(rows[0], 201)

    async def login(self, request: Request) -> Response:
        """A session token for the right password, else 401; either is written down."""
        body = await json_body(request, username=str, password=str)
        rows = await self.database.rows(
            "SELECT id, password_hash FROM users WHERE username = %s", body["username"]
        )
        user = rows[0] if rows else None
        granted = user is not None and password_matches(str(body["password"]), str(user["password_hash"]))
        await self.database.rows(
            "INSERT INTO logins (user_id, succeeded) VALUES (%s, %s)", user and user["id"], granted
        )
        if user is None or not granted:
            return JSONResponse({"error": "wrong name or password"}, 401)
        return JSONResponse({"token": await self._open_session(user["id"]), "expires_in": self._ttl})

    async def _open_session(self, user_id: object) -> str:
        session = secrets.token_hex(16)
        await self._cache.set(f"session:{session}", str(user_id), ex=self._ttl)
        claims = {"sub": str(user_id), "sid": session, "exp": int(time.time()) + self._ttl}
        return sign(claims, self._settings.jwt_secret)

    def _session_of(self, request: Request) -> str | None:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        claims = verify(token, self._settings.jwt_secret, time.time()) if kind == "Bearer" else None
        return str(claims["sid"]) if claims else None

    async def session(self, request: Request) -> Response:
        """Whose session the bearer token names, or 401."""
        session = self._session_of(request)
        user_id = await self._cache.get(f"session:{session}") if session else None
        if user_id is None:
            return JSONResponse({"error": "no session"}, 401)
        return JSONResponse({"user_id": int(user_id)})

    async def logout(self, request: Request) -> Response:
        """The end of the bearer's session; 401 where there is none."""
        session = self._session_of(request)
        ended = await self._cache.delete(f"session:{session}") if session else 0
        return Response(status_code=204) if ended else JSONResponse({"error": "no session"}, 401)


def application(settings: Settings) -> Starlette:
    """The web application of auth-service."""
    auth = Auth(settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with auth.database.opened():
            yield

    routes = [
        route("/auth/status", auth.status, counted=False),
        route("/status", auth.status, counted=False),
        route("/auth/register", auth.register, method="POST"),
        route("/auth/login", auth.login, method="POST"),
        route("/auth/session", auth.session),
        route("/auth/logout", auth.logout, method="POST"),
    ]
    return build(settings, routes, lifespan)
