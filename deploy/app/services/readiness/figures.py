"""A day's figures, kept for the trends of weeks: requests, errors, times, space, and the overall state."""

from __future__ import annotations

import asyncio
import math
import urllib.parse
from pathlib import Path

from psycopg.types.json import Jsonb

from services.readiness.overall import fetch, findings
from services.readiness.reads import Databases
from services.readiness.surroundings import Surroundings

_REQUESTS = "sum(increase(response_time_seconds_count[24h]))"
_ERRORS = '(sum(increase(response_time_seconds_count{code=~"5.."}[24h])) or vector(0)) / ' + _REQUESTS
_P95 = "histogram_quantile(0.95, sum by (le) (rate(response_time_seconds_bucket[24h])))"
_WORKING_SET = 'sum(container_memory_working_set_bytes{namespace="ai-data-readiness", container!=""})'
_NODES_MEMORY = "max(node_memory_MemTotal_bytes)"
_RECORD = """
    INSERT INTO daily_figures VALUES (now()::date, %s, %s, %s, clock_timestamp())
    ON CONFLICT (day) DO UPDATE SET requests = EXCLUDED.requests, error_ratio = EXCLUDED.error_ratio,
        p95_seconds = EXCLUDED.p95_seconds, recorded_at = EXCLUDED.recorded_at
"""
_SAMPLE = """
    INSERT INTO capacity_samples VALUES (%s, now()::date, %s, %s, clock_timestamp())
    ON CONFLICT (resource, day) DO UPDATE SET used_bytes = EXCLUDED.used_bytes, limit_bytes = EXCLUDED.limit_bytes,
        sampled_at = EXCLUDED.sampled_at
"""
_CHECK = """
    INSERT INTO health_checks VALUES (now()::date, %s, %s, clock_timestamp())
    ON CONFLICT (day) DO UPDATE SET overall = EXCLUDED.overall, findings = EXCLUDED.findings, checked_at = EXCLUDED.checked_at
"""
# What the volumes' claims ask for.
_DATABASE_BYTES, _UPLOADS_BYTES = 4 << 30, 2 << 30


class Figures:
    """Tables daily_figures, capacity_samples and health_checks: one row a day, the day's last word."""

    def __init__(self, databases: Databases, surroundings: Surroundings) -> None:
        self._databases = databases
        self._surroundings = surroundings

    async def record(self) -> None:
        """Errors and times of the last 24 hours; LookupError where Prometheus has no sample of them."""
        asked = [await self.ask(query) for query in (_REQUESTS, _ERRORS, _P95)]
        await self._databases.write(_RECORD, *asked)

    async def sample(self) -> None:
        """How much of the database's volume, the uploads' volume and the nodes' memory is used."""
        size = (await self._databases.write("SELECT pg_database_size(current_database())::float8 AS size"))[
            0
        ]["size"]
        await self._databases.write(_SAMPLE, "database", size, _DATABASE_BYTES)
        uploads = await asyncio.to_thread(_bytes_below, self._surroundings.uploads)
        await self._databases.write(_SAMPLE, "uploads", uploads, _UPLOADS_BYTES)
        used, most = await self.ask(_WORKING_SET), await self.ask(_NODES_MEMORY)
        await self._databases.write(_SAMPLE, "memory", used, most)

    async def check(self) -> None:
        """The day's overall state."""
        found = await findings(self._databases, self._surroundings.gateway)
        overall = "healthy" if all(each.well for each in found) else "degraded"
        seen = {each.part: each.seen for each in found}
        await self._databases.write(_CHECK, overall, Jsonb(seen))

    async def ask(self, query: str) -> float:
        """What Prometheus answers; LookupError where it has no sample, OSError where it does not answer."""
        asked = urllib.parse.urlencode({"query": query})
        status, answer = await asyncio.to_thread(
            fetch, f"{self._surroundings.prometheus}/api/v1/query?{asked}"
        )
        if status != 200 or not isinstance(answer, dict):
            raise OSError(f"Prometheus answers {status or 'nothing'}")
        series = answer["data"]["result"]
        value = float(series[0]["value"][1]) if series else math.nan
        if math.isnan(value):
            raise LookupError(f"no sample of {query}")
        return value


def _bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
