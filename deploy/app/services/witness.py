"""witness: keeps every notification with its time of arrival, as the receiver of all channels."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.book import Book, now, of_mail, of_webhook
from services.mail import Mail, listen
from services.settings import Settings
from services.web import build, route


class Witness:
    """The witness's HTTP side."""

    def __init__(self, book: Book) -> None:
        self._book = book

    async def receive(self, request: Request) -> Response:
        """Keep one webhook; 400 where it is none."""
        raw = (await request.body()).decode()
        self._book.write(of_webhook(request.path_params["name"], raw))
        return JSONResponse({"kept": True})

    async def notifications(self, request: Request) -> Response:
        """What was kept, by `channel`, `alertname` and `since`."""
        query = request.query_params
        since = datetime.fromisoformat(query["since"].replace(" ", "+")) if "since" in query else None
        if since is not None and since.tzinfo is None:
            raise ValueError("since: a time with its zone expected (2026-01-02T03:04:05Z)")
        return JSONResponse(self._book.found(query.get("channel"), query.get("alertname"), since))

    async def clock(self, _: Request) -> Response:
        """The witness's time."""
        return JSONResponse({"now": now(), "monotonic": time.monotonic()})


def application(settings: Settings) -> Starlette:
    """The witness: webhooks and queries on its port, mail on 2525."""
    book = Book(Path(os.environ.get("WITNESS_FILE", "/var/lib/witness/notifications.jsonl")))
    witness = Witness(book)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async def keep(mail: Mail) -> None:
            book.write(of_mail(mail))

        server = await listen(int(os.environ.get("SMTP_PORT", "2525")), keep)
        async with server:
            yield

    routes = [
        route("/channel/{name}", witness.receive, method="POST", counted=False),
        route("/notifications", witness.notifications, counted=False),
        route("/clock", witness.clock, counted=False),
    ]
    return build(settings, routes, lifespan)
