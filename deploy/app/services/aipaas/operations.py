"""operations-book: what operations must have on record each day, collected and written into the database."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import psycopg

from services.aipaas.changes import Change, altered_settings, cordons, rollouts
from services.aipaas.figures import Prometheus, capacity, performance, resources
from services.aipaas.kubernetes import Json, api, listed
from services.settings import Settings

if TYPE_CHECKING:
    import httpx

log = logging.getLogger("services.aipaas.operations")

_ERROR_LINE = re.compile(rb'"level": ?"(ERROR|CRITICAL)"|(ERROR|FATAL|PANIC): ')
_MOST_LOG_BYTES = 4_000_000
_WRITE = (
    "INSERT INTO reports (kind, day, content) VALUES (%s, {day}, %s)"
    " ON CONFLICT (kind, day) DO UPDATE SET content = excluded.content, made_at = clock_timestamp()"
)
_EXPLAINED = (
    (
        re.compile("no relationship found between node .* and this object"),
        "the kubelet asked before the API server knew that the pod is its own; it asks again",
    ),
)
"""What a refusal may say, and why that is no attack."""
_DAILY, _WEEKLY = "current_date", "date_trunc('week', now())::date"


class Book:
    """The tables of operations."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def report(self, kind: str, content: Json, day: str = _DAILY) -> None:
        """Write the report of that day or week, in place of an earlier one of the same."""
        self._connection.execute(_WRITE.format(day=day).encode(), (kind, json.dumps(content)))
        self._connection.commit()

    def changes(self, found: Iterable[Change]) -> int:
        """Write down the changes that are not known yet; how many there were."""
        new = 0
        for one in found:
            done = self._connection.execute(
                "INSERT INTO changes (reference, what, hand, purpose, at) VALUES (%s, %s, %s, %s, %s)"
                " ON CONFLICT (reference) DO NOTHING",
                (one.reference, one.what, one.hand, one.purpose, one.at),
            )
            new += done.rowcount
        self._connection.commit()
        return new

    def events(self, found: Iterable[Json]) -> int:
        """Keep these events of the cluster beyond their hour; how many they are."""
        count = 0
        for event in found:
            metadata, about = event["metadata"], event["involvedObject"]
            message = event.get("message") or event.get("note") or ""
            seen = event.get("lastTimestamp") or event.get("eventTime") or metadata["creationTimestamp"]
            self._connection.execute(
                "INSERT INTO cluster_events (uid, namespace, object, type, reason, message, times, last_seen, explained)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (uid) DO UPDATE"
                " SET times = excluded.times, last_seen = excluded.last_seen, message = excluded.message,"
                " explained = coalesce(cluster_events.explained, excluded.explained)",
                (
                    metadata["uid"],
                    metadata["namespace"],
                    f"{about.get('kind')} {about.get('name')}",
                    event.get("type") or "Normal",
                    event.get("reason") or "",
                    message,
                    event.get("count") or 1,
                    seen,
                    explanation(message),
                ),
            )
            count += 1
        self._connection.commit()
        return count


def explanation(message: str) -> str | None:
    """Why an event that says this is harmless; None where nobody knows."""
    return next((why for says, why in _EXPLAINED if says.search(message)), None)


def error_lines(client: httpx.Client, namespaces: Iterable[str]) -> int:
    """Lines of error in the last day's logs of every running pod."""
    lines = 0
    for namespace in namespaces:
        for pod in listed(client, f"/api/v1/namespaces/{namespace}/pods"):
            for container in pod["spec"]["containers"]:
                lines += _error_lines(client, namespace, pod["metadata"]["name"], container["name"])
    return lines


def _error_lines(client: httpx.Client, namespace: str, pod: str, container: str) -> int:
    asked = {"container": container, "sinceSeconds": 86_400, "limitBytes": _MOST_LOG_BYTES}
    answer = client.get(f"/api/v1/namespaces/{namespace}/pods/{pod}/log", params=asked)
    # A pod that starts has no log yet, and one that just went none any more.
    if answer.status_code in (400, 404):
        return 0
    return sum(bool(_ERROR_LINE.search(line)) for line in answer.raise_for_status().content.splitlines())


def run(settings: Settings) -> None:
    """Every collection and report once; the process fails where any of them does."""
    namespaces = os.environ["PLATFORM_NAMESPACES"].split(",")
    prometheus = Prometheus(os.environ["PROMETHEUS_URL"])
    with psycopg.connect(settings.database) as connection, api() as client:
        book = Book(connection)
        events = (e for n in namespaces for e in listed(client, f"/api/v1/namespaces/{n}/events"))
        book.report("events", {"events": book.events(events)})
        with psycopg.connect(os.environ["EXPORTER_DATABASE"]) as exporter:
            found = [*rollouts(client, namespaces), *cordons(client), *altered_settings(exporter)]
        book.report("changes", {"seen": len(found), "new": book.changes(found)})
        review = {"error_lines": error_lines(client, namespaces)} | prometheus.alerts()
        book.report("logs-and-alerts", review)
        book.report("resources", resources(prometheus))
        book.report("performance", performance(prometheus), _WEEKLY)
        book.report("capacity", capacity(prometheus))
    log.info("the book is written")
