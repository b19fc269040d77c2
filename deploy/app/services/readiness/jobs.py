"""Jobs: submitted, watched, restarted; and how the pipelines and the quality of their data do."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.readiness.access import Audited
from services.readiness.reads import Databases
from services.web import json_body

PIPELINES = ("readiness", "cleaning")
_COLUMNS = "id, pipeline, dataset_id, status, stage, progress, attempts, worker, error, created_at::text, started_at::text, completed_at::text"
_PIPELINES = """
    SELECT name AS pipeline,
           count(*) FILTER (WHERE status = 'completed' AND completed_at > now() - interval '24 hours') AS succeeded_24h,
           count(*) FILTER (WHERE status = 'failed' AND completed_at > now() - interval '24 hours') AS failed_24h,
           count(*) FILTER (WHERE status IN ('queued', 'running')) AS unfinished,
           round(extract(epoch FROM now() - max(completed_at) FILTER (WHERE status = 'completed'))::numeric, 1)::float8 AS last_success_age
    FROM unnest(%s::text[]) AS name LEFT JOIN processing_jobs ON pipeline = name
         AND (created_at > now() - interval '2 days' OR status IN ('queued', 'running'))
    GROUP BY name ORDER BY name
"""
_TRENDS = """
    SELECT day::date::text AS day, count(score) AS measurements, round(avg(score)::numeric, 5)::float8 AS score
    FROM generate_series(date_trunc('day', now()) - (%s - 1) * interval '1 day', now(), interval '1 day') AS day
    LEFT JOIN quality_measurements ON measured_at >= day AND measured_at < day + interval '1 day'
    GROUP BY day ORDER BY day
"""


class Jobs:
    """Table processing_jobs as the API shows it; always the primary's word."""

    def __init__(self, databases: Databases, audit: Audited) -> None:
        self._databases = databases
        self._audit = audit

    async def submit(self, request: Request) -> Response:
        """A new job in the queue; 404 where the dataset is unknown."""
        body = await json_body(request, pipeline=str, dataset_id=int)
        if body["pipeline"] not in PIPELINES:
            raise ValueError(f"pipeline: {body['pipeline']!r} is none of {', '.join(PIPELINES)}")
        sql = f"INSERT INTO processing_jobs (pipeline, dataset_id) SELECT %s, id FROM datasets WHERE id = %s RETURNING {_COLUMNS}"
        rows = await self._databases.write(sql, body["pipeline"], body["dataset_id"])
        return JSONResponse(rows[0], 201) if rows else JSONResponse({"error": "no such dataset"}, 404)

    async def status(self, request: Request) -> Response:
        """One job, or 404."""
        rows = await self._databases.write(
            f"SELECT {_COLUMNS} FROM processing_jobs WHERE id = %s", request.path_params["id"]
        )
        return JSONResponse(rows[0]) if rows else JSONResponse({"error": "no such job"}, 404)

    async def restart(self, request: Request) -> Response:
        """A failed job back in the queue; the same again for one that waits; 409 for any other, 404 for an unknown one."""
        number = request.path_params["id"]
        again = (
            "UPDATE processing_jobs SET status = 'queued', error = NULL, completed_at = NULL, attempts = 0"
            f" WHERE id = %s AND status = 'failed' RETURNING {_COLUMNS}"
        )
        if rows := await self._databases.write(again, number):
            await self._audit("operator", "restart", f"job {number}")
            return JSONResponse(rows[0], 202)
        rows = await self._databases.write(f"SELECT {_COLUMNS} FROM processing_jobs WHERE id = %s", number)
        if not rows:
            return JSONResponse({"error": "no such job"}, 404)
        if rows[0]["status"] == "queued":
            return JSONResponse(rows[0], 202)
        return JSONResponse({"error": f"the job is {rows[0]['status']}"}, 409)

    async def pipelines(self, _: Request) -> Response:
        """Each pipeline's last day."""
        rows = await self._databases.write(_PIPELINES, list(PIPELINES))
        idle = sum(1 for row in rows if not row["succeeded_24h"])
        return JSONResponse({"pipelines": rows, "count": len(rows), "without_success": idle})

    async def trends(self, request: Request) -> Response:
        """The mean score of each of the last `?days=`, and how far the newest lies below the mean of all."""
        days = max(1, min(31, int(request.query_params.get("days", "7"))))
        rows = await self._databases.read(_TRENDS, days)
        scores = [float(str(row["score"])) for row in rows if row["score"] is not None]
        mean = sum(scores) / len(scores) if scores else None
        drop = (
            None
            if mean is None or rows[-1]["score"] is None
            else max(0.0, 1 - float(str(rows[-1]["score"])) / mean)
        )
        return JSONResponse({"days": rows, "covered": len(scores), "mean": mean, "drop": drop})
