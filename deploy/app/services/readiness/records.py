"""What people put on record: incidents, notices, acknowledgements, reviews, and the maintenance mode."""

from __future__ import annotations

import time

import psycopg
from psycopg_pool import PoolTimeout
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.readiness.access import Audited
from services.readiness.reads import Databases
from services.web import json_body, limit_of

_INCIDENT = "id, severity, kind, title, alert, detected_at::text, acknowledged_at::text, notified_at::text, fixed_at::text, resolved_at::text"
_MOMENTS = {
    "acknowledge": "acknowledged_at",
    "notify": "notified_at",
    "fix": "fixed_at",
    "resolve": "resolved_at",
}
_REMEMBERED_SECONDS = 1.0


class Incidents:
    """The register of incidents; each act gets its time from the database."""

    def __init__(self, databases: Databases, audit: Audited) -> None:
        self._databases = databases
        self._audit = audit

    async def newest(self, request: Request) -> Response:
        """The newest incidents, at most `?limit=`."""
        sql = f"SELECT {_INCIDENT} FROM incidents ORDER BY id DESC LIMIT %s"
        return JSONResponse(await self._databases.write(sql, limit_of(request)))

    async def open(self, request: Request) -> Response:
        """A new incident, detected now."""
        body = await json_body(request, severity=str, title=str)
        sql = (
            "INSERT INTO incidents (severity, kind, title, detected_at)"
            f" VALUES (%s, %s, %s, clock_timestamp()) RETURNING {_INCIDENT}"
        )
        rows = await self._databases.write(
            sql, body["severity"], body.get("kind", "operational"), body["title"]
        )
        return JSONResponse(rows[0], 201)

    async def act(self, request: Request) -> Response:
        """The time of one act: acknowledge, notify, fix or resolve; the first time stays."""
        number, act = request.path_params["id"], request.path_params["act"]
        if act not in _MOMENTS:
            raise ValueError(f"{act!r} is none of {', '.join(_MOMENTS)}")
        column = _MOMENTS[act]
        sql = f"UPDATE incidents SET {column} = coalesce({column}, clock_timestamp()) WHERE id = %s RETURNING {_INCIDENT}"
        rows = await self._databases.write(sql, number)
        await self._audit("operator", act, f"incident {number}")
        return JSONResponse(rows[0]) if rows else JSONResponse({"error": "no such incident"}, 404)

    async def mark(self, request: Request) -> Response:
        """A stage of the incident that was reached now, with a note."""
        body = await json_body(request, stage=str, note=str)
        sql = "INSERT INTO incident_stages (incident_id, stage, note) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
        await self._databases.write(sql, request.path_params["id"], body["stage"], body["note"])
        return JSONResponse({"marked": body["stage"]}, 201)

    async def notice(self, request: Request) -> Response:
        """A notice that went out now."""
        body = await json_body(request, kind=str, audience=str)
        sql = "INSERT INTO notices (kind, incident_id, window_id, audience) VALUES (%s, %s, %s, %s) RETURNING id, sent_at::text"
        rows = await self._databases.write(
            sql, body["kind"], body.get("incident_id"), body.get("window_id"), body["audience"]
        )
        return JSONResponse(rows[0], 201)

    async def acknowledge_alert(self, request: Request) -> Response:
        """The alert of this fingerprint acknowledged now; 404 where none waits for it."""
        body = await json_body(request, by=str)
        sql = (
            "UPDATE alerts SET acknowledged_at = clock_timestamp(), acknowledged_by = %s"
            " WHERE fingerprint = %s AND acknowledged_at IS NULL RETURNING name"
        )
        rows = await self._databases.write(sql, body["by"], request.path_params["fingerprint"])
        return (
            JSONResponse({"acknowledged": len(rows)})
            if rows
            else JSONResponse({"error": "no such alert"}, 404)
        )


class Maintenance:
    """Whether users are asked to come back later."""

    def __init__(self, databases: Databases, audit: Audited) -> None:
        self._databases = databases
        self._audit = audit
        self._is_on = False
        self._looked = -_REMEMBERED_SECONDS

    async def is_on(self) -> bool:
        """The mode, at most a second old; the last one known while the database does not answer."""
        if time.monotonic() - self._looked >= _REMEMBERED_SECONDS:
            self._looked = time.monotonic()
            try:
                rows = await self._databases.write(
                    "SELECT is_on FROM maintenance_mode ORDER BY id DESC LIMIT 1"
                )
                self._is_on = bool(rows and rows[0]["is_on"])
            except (psycopg.Error, PoolTimeout):
                return self._is_on
        return self._is_on

    async def show(self, _: Request) -> Response:
        """The mode."""
        return JSONResponse({"on": await self.is_on()})

    async def switch(self, request: Request) -> Response:
        """Turn it on or off."""
        body = await json_body(request, on=bool)
        await self._databases.write(
            "INSERT INTO maintenance_mode (is_on, set_by) VALUES (%s, 'operator')", body["on"]
        )
        await self._audit("operator", "maintenance", "on" if body["on"] else "off")
        self._looked = -_REMEMBERED_SECONDS
        return JSONResponse({"on": body["on"]})
