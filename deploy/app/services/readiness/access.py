"""Who may ask: the bearer token, logins with their sessions, and the audit trail."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.readiness.filelogs import AUTHENTICATION
from services.readiness.reads import Databases
from services.tokens import password_matches, sign, verify
from services.web import Endpoint, json_body, limit_of

_SESSION_SECONDS = 900
_LAST = "SELECT id, username, address, succeeded, started_at::text FROM user_sessions ORDER BY started_at DESC LIMIT %s"


def address_of(request: Request) -> str:
    """The client's address as the gateway saw it, or the peer's where nobody stands between."""
    forwarded = request.headers.get("x-real-ip")
    return forwarded or (request.client.host if request.client else "unknown")


class Access:
    """The token that operators carry, and the sessions of users."""

    def __init__(self, databases: Databases, api_token: str) -> None:
        self._databases = databases
        self._api_token = api_token

    def guarded(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint behind the bearer token: 401 without it."""

        async def asked(request: Request) -> Response:
            if not self.knows(request):
                AUTHENTICATION.info(
                    "failed login: no valid token for %s from %s", request.url.path, address_of(request)
                )
                return JSONResponse(
                    {"error": "a valid bearer token is needed"}, 401, {"WWW-Authenticate": "Bearer"}
                )
            return await endpoint(request)

        return asked

    def knows(self, request: Request) -> bool:
        """Whether the request carries the token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return (
            scheme.lower() == "bearer"
            and bool(self._api_token)
            and hmac.compare_digest(token.encode(), self._api_token.encode())
        )

    async def login(self, request: Request) -> Response:
        """A session for a user with the right password, or 401."""
        body = await json_body(request, username=str, password=str)
        name, address = str(body["username"]), address_of(request)
        rows = await self._databases.write(
            "SELECT password_hash FROM accounts WHERE username = %s AND enabled", name
        )
        stored = rows[0]["password_hash"] if rows else None
        succeeded = stored is not None and password_matches(str(body["password"]), str(stored))
        await self._databases.write(
            "INSERT INTO user_sessions (username, address, succeeded) VALUES (%s, %s, %s)",
            name,
            address,
            succeeded,
        )
        AUTHENTICATION.info(
            "%s for %s from %s", "session opened" if succeeded else "failed login", name, address
        )
        if not succeeded:
            return JSONResponse({"error": "no such user, or another password"}, 401)
        claims: dict[str, object] = {"sub": name, "exp": time.time() + _SESSION_SECONDS}
        return JSONResponse({"token": sign(claims, self._api_token)})

    async def me(self, request: Request) -> Response:
        """Who the session belongs to, or 401."""
        claims = verify(
            request.headers.get("authorization", "").removeprefix("Bearer "), self._api_token, time.time()
        )
        return (
            JSONResponse({"username": claims["sub"]})
            if claims
            else JSONResponse({"error": "no session"}, 401)
        )

    async def sessions(self, request: Request) -> Response:
        """The newest logins, good and bad, at most `?limit=`."""
        rows = await self._databases.read(_LAST, limit_of(request))
        return JSONResponse({"count": len(rows), "sessions": rows})


Audited = Callable[[str, str, str], Awaitable[None]]


def auditor(databases: Databases) -> Audited:
    """A function that writes down who did what to what."""

    async def write(actor: str, action: str, subject: str) -> None:
        await databases.write(
            "INSERT INTO audit_log (actor, action, subject) VALUES (%s, %s, %s)", actor, action, subject
        )

    return write
