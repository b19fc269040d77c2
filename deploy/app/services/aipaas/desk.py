"""operations-desk: tells management of grave incidents as soon as the book of operations has them, and notes when."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import urllib.request

import psycopg
from starlette.applications import Starlette

from services.aipaas.ledgers import open_database, table_service
from services.settings import Settings
from services.store import Database, Row

log = logging.getLogger("services.aipaas.desk")

_EVERY_SECONDS = 2.0
_TIMEOUT_SECONDS = 5.0
SECOND_AFTER = "1 minute"
"""So long may whoever declared a severity 2 incident take it back before management hears of it; two hours are promised."""
_UNTOLD = (
    "SELECT id, severity, title FROM incidents WHERE management_told_at IS NULL AND resolved_at IS NULL"
    " AND (severity = 1 OR severity = 2 AND detected_at < now() - %s::interval) ORDER BY severity, id"
)
_TOLD = (
    "UPDATE incidents SET management_told_at = clock_timestamp() WHERE id = %s AND management_told_at IS NULL"
)


def notice(incident: Row) -> bytes:
    """The incident in the form of every other notification."""
    labels = {
        "alertname": "IncidentDeclared",
        "severity": str(incident["severity"]),
        "incident": str(incident["id"]),
    }
    alert = {"status": "firing", "labels": labels, "annotations": {"summary": str(incident["title"])}}
    return json.dumps({"status": "firing", "alerts": [alert]}).encode()


def send(channels: list[str], body: bytes) -> None:
    """Returns once every channel took it; OSError where one did not."""
    for url in channels:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
            answer.read()


class Desk:
    """Who looks into the book all the time."""

    def __init__(self, database: Database, channels: list[str]) -> None:
        self._database = database
        self._channels = channels

    async def work(self) -> None:
        """Tell of every new incident for ever; what could not be told now is told at the next look."""
        while True:
            try:
                for incident in await self._database.rows(_UNTOLD, SECOND_AFTER):
                    await asyncio.to_thread(send, self._channels, notice(incident))
                    await self._database.rows(_TOLD, incident["id"])
            except (psycopg.Error, OSError) as error:
                log.warning("nobody could be told for now", extra={"cause": str(error)})
            await asyncio.sleep(_EVERY_SECONDS)


def application(settings: Settings) -> Starlette:
    """The web application of operations-desk."""
    database = open_database(settings)
    desk = Desk(database, os.environ["MANAGEMENT_CHANNELS"].split(","))
    return table_service(settings, database, [], desk.work)
