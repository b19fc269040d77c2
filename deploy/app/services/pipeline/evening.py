"""daily-report: what the pipeline did within a day, as Prometheus counted it."""

from __future__ import annotations

import json
import logging
import time

import httpx
import redis

from services.pipeline.health import DAILY
from services.pipeline.places import DAY_SECONDS, Places
from services.settings import Settings

log = logging.getLogger("services.pipeline.evening")

_KEEP_DAYS = 3
_PATIENCE_SECONDS = 180.0
_TIMES = "ai_pipeline_request_duration_seconds"
_WORK = "ai_pipeline_processing_duration_seconds"
_FAILED = "sum(increase(ai_pipeline_requests_failed_total[1d]))"
_REQUESTS = "sum(increase(ai_pipeline_requests_total[1d]))"
FIGURES = {
    "bug_reports_processed": "sum(increase(ai_pipeline_reports_processed_total[1d]))",
    "success_rate_percent": f"100 * (1 - {_FAILED} / {_REQUESTS})",
    "avg_processing_time_s": f"sum(increase({_WORK}_sum[1d])) / sum(increase({_WORK}_count[1d]))",
    "p95_processing_time_s": f"histogram_quantile(0.95, sum by (le) (increase({_WORK}_bucket[1d])))",
    "errors_total": _FAILED,
    "error_rate_percent": f"100 * {_FAILED} / {_REQUESTS}",
    "response_time_avg_ms": f"1000 * sum(increase({_TIMES}_sum[1d])) / sum(increase({_TIMES}_count[1d]))",
    "response_time_p95_ms": f"1000 * histogram_quantile(0.95, sum by (le) (increase({_TIMES}_bucket[1d])))",
    "kafka_messages": 'sum(increase(ai_pipeline_kafka_messages_total{way="taken"}[1d]))',
    "redis_operations": "sum(increase(ai_pipeline_redis_operations_total[1d]))",
    "openai_calls": "sum(increase(ai_pipeline_openai_calls_total[1d]))",
}
"""Figure -> the question it answers."""


class NoFigure(Exception):
    """Prometheus has no number for a figure; a report with a blank in it is none."""


def run(settings: Settings) -> None:
    """The report in Redis, where the API shows it; an exception where a figure is missing."""
    places = Places.from_environment()
    figures = patiently(places.prometheus)
    report = {"made_at": time.time(), "covers_hours": 24, **figures}
    with redis.Redis(host=settings.redis_host, password=settings.redis_password or None) as cache:
        cache.set(DAILY, json.dumps(report), ex=_KEEP_DAYS * DAY_SECONDS)
    log.info("daily summary: %s", ", ".join(f"{name} {value:g}" for name, value in figures.items()))


def patiently(address: str) -> dict[str, float]:
    """Every figure; a Prometheus that was just started needs two scrapes for the first ones."""
    with httpx.Client(base_url=address, timeout=10) as prometheus:
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return {name: figure(prometheus, name, query) for name, query in FIGURES.items()}
            except (NoFigure, httpx.HTTPError):
                if time.monotonic() > until:
                    raise
            time.sleep(5)


def figure(prometheus: httpx.Client, name: str, query: str) -> float:
    """The one number that the query gives; NoFigure where it gives none."""
    answer = prometheus.get("/api/v1/query", params={"query": query}).raise_for_status().json()
    found = answer["data"]["result"]
    if len(found) != 1 or found[0]["value"][1] in ("NaN", "+Inf", "-Inf"):
        raise NoFigure(f"{name}: {query} gives no number")
    return float(found[0]["value"][1])
