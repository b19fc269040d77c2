"""witness: keeps every notification with its time of arrival, as the receiver of all channels."""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.mail import Mail, listen
from services.settings import Settings
from services.web import build, route

Notification = dict[str, object]
_SHOWN = ("status", "labels", "annotations", "startsAt", "endsAt", "fingerprint")


class Book:
    """All notifications in order of arrival, in memory and in a file of JSON lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self._entries: list[Notification] = [json.loads(line) for line in lines if line.endswith("}")]

    def write(self, notification: Notification) -> None:
        """Stamp the notification, and have it on disk when this returns."""
        stamp = {"seq": len(self._entries) + 1, "arrived_at": now(), "monotonic": time.monotonic()}
        entry = stamp | notification
        with self._path.open("a") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._entries.append(entry)

    def found(self, channel: str | None, alertname: str | None, since: datetime | None) -> list[Notification]:
        """The notifications of this channel that name this alert and arrived at or after `since`."""
        return [
            entry
            for entry in self._entries
            if channel in (None, entry["channel"])
            and (alertname is None or alertname in _names_of(entry))
            and (since is None or datetime.fromisoformat(str(entry["arrived_at"])) >= since)
        ]


def now() -> str:
    """The witness's clock: UTC, microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _names_of(entry: Notification) -> set[object]:
    alerts = entry["alerts"]
    assert isinstance(alerts, list)
    return {alert["labels"].get("alertname") for alert in alerts}


def of_webhook(channel: str, raw: str) -> Notification:
    """What an Alertmanager webhook says; ValueError unless it is one."""
    body = json.loads(raw)
    if not isinstance(body, dict) or not isinstance(body.get("alerts"), list):
        raise ValueError("alerts: list expected")
    alerts = [{name: alert.get(name) for name in _SHOWN} for alert in body["alerts"]]
    if not all(isinstance(alert["labels"], dict) for alert in alerts):
        raise ValueError("alerts.labels: object expected")
    return {"channel": channel, "status": body.get("status"), "alerts": alerts, "raw": raw}


def of_mail(mail: Mail) -> Notification:
    """What a mail says, in the same form; its alert is named by the X-Rundrill headers."""
    headers = dict(mail.headers)
    status = headers.get("X-Rundrill-Status")
    names = [name for name in headers.get("X-Rundrill-Alertname", "").split(",") if name]
    alerts = [{"status": status, "labels": {"alertname": name}} for name in names]
    shown: Notification = {"channel": mail.recipient.partition("@")[0], "status": status, "alerts": alerts}
    return shown | {"subject": headers.get("Subject"), "headers": headers, "raw": mail.raw}


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
