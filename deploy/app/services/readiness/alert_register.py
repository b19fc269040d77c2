"""The register of alerts: what fired, when it ended, and who answered it."""

from __future__ import annotations

import asyncio
from datetime import datetime

from services.readiness.overall import fetch
from services.readiness.reads import Databases

_SEEN = """
    INSERT INTO alerts (fingerprint, starts_at, name, severity) VALUES (%s, %s, %s, %s)
    ON CONFLICT (fingerprint, starts_at) DO UPDATE SET ends_at = NULL WHERE alerts.ends_at IS NOT NULL
"""
_OVER = "UPDATE alerts SET ends_at = clock_timestamp() WHERE ends_at IS NULL AND NOT (fingerprint = ANY(%s))"
# The stand-in for the person on call: takes a critical alert for a P1 incident, and says at once that it is seen to.
_ANSWER = """
    UPDATE alerts SET acknowledged_at = clock_timestamp(), acknowledged_by = 'on-call'
    WHERE acknowledged_at IS NULL AND ends_at IS NULL AND severity = 'critical'
      AND starts_at < clock_timestamp() - interval '10 seconds' RETURNING name, starts_at
"""
_QUIETLY = """
    UPDATE alerts SET acknowledged_at = clock_timestamp(), acknowledged_by = 'on-call'
    WHERE acknowledged_at IS NULL AND severity <> 'critical' AND starts_at < clock_timestamp() - interval '10 seconds'
"""
_INCIDENT = """
    INSERT INTO incidents (severity, title, alert, detected_at, acknowledged_at, notified_at)
    SELECT 'P1', %s, %s, %s, clock_timestamp(), clock_timestamp()
    WHERE NOT EXISTS (SELECT FROM incidents WHERE alert = %s AND resolved_at IS NULL)
"""
_RESOLVED = """
    UPDATE incidents SET fixed_at = coalesce(fixed_at, clock_timestamp()), resolved_at = clock_timestamp()
    WHERE alert IS NOT NULL AND resolved_at IS NULL
      AND NOT EXISTS (SELECT FROM alerts WHERE alerts.name = incidents.alert AND ends_at IS NULL)
"""


class AlertRegister:
    """Table alerts, kept in step with Alertmanager."""

    def __init__(self, databases: Databases, alertmanager: str) -> None:
        self._databases = databases
        self._alertmanager = alertmanager

    async def take_up(self) -> None:
        """Write down what fires now, and what no longer does; OSError where Alertmanager does not answer."""
        status, alerts = await asyncio.to_thread(fetch, f"{self._alertmanager}/api/v2/alerts")
        if status != 200 or not isinstance(alerts, list):
            raise OSError(f"Alertmanager answers {status or 'nothing'}")
        for alert in alerts:
            labels, starts = alert["labels"], datetime.fromisoformat(alert["startsAt"])
            severity = labels.get("severity", "none")
            await self._databases.write(_SEEN, alert["fingerprint"], starts, labels["alertname"], severity)
        await self._databases.write(_OVER, [alert["fingerprint"] for alert in alerts])

    async def answer(self) -> None:
        """Acknowledge what nobody has acknowledged, and keep an incident for each critical alert."""
        for row in await self._databases.write(_ANSWER):
            title = f"{row['name']} fires"
            await self._databases.write(_INCIDENT, title, row["name"], row["starts_at"], row["name"])
        await self._databases.write(_QUIETLY)
        await self._databases.write(_RESOLVED)
