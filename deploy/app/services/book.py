"""Notifications as the witness keeps them."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from services.mail import Mail

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
