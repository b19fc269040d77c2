"""The pipeline's metrics, under the names that its runbook uses."""

from __future__ import annotations

import logging

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("ai_pipeline_requests", "Bug reports that were submitted with a key.")
FAILED = Counter("ai_pipeline_requests_failed", "Bug reports that were not served.", ["stage", "error_type"])
FINISHED = Counter("ai_pipeline_reports_processed", "Bug reports that became a GitHub issue.")
SECONDS = Histogram(
    "ai_pipeline_request_duration_seconds",
    "Time to answer.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0),
)
END_TO_END = Histogram(
    "ai_pipeline_processing_duration_seconds",
    "From the acceptance of a bug report to its GitHub issue.",
    buckets=(0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0),
)
WORK = Histogram(
    "ai_pipeline_agent_duration_seconds",
    "An agent's own work on one message.",
    ["agent"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.3, 0.5, 1.0, 5.0, 30.0, 60.0),
)
MESSAGES = Counter("ai_pipeline_kafka_messages", "Messages taken from or put into a topic.", ["topic", "way"])
REDIS = Counter("ai_pipeline_redis_operations", "Commands and transactions sent to Redis.")
OPENAI = Counter("ai_pipeline_openai_calls", "Calls of the OpenAI API by outcome.", ["outcome"])
DEPENDENCY = Gauge("ai_pipeline_dependency_up", "1 where a dependency answers.", ["dependency"])
LINES = Counter("ai_pipeline_log_lines", "Log lines by level.", ["level"])

ERROR_TYPES = ("kafka", "redis", "openai", "github", "other")


class CountLines(logging.Handler):
    """Counts each line that is logged, so that errors outlive the container that wrote them."""

    def emit(self, record: logging.LogRecord) -> None:
        """One more line of this level."""
        LINES.labels(record.levelname).inc()


def count_lines() -> None:
    """Count what this process logs from now on; the levels that matter are there from the start, at 0."""
    for level in ("INFO", "WARNING", "ERROR"):
        LINES.labels(level)
    logging.getLogger().addHandler(CountLines())
    # It writes a line for each request it makes.
    logging.getLogger("httpx").setLevel(logging.WARNING)


def born(stage: str) -> None:
    """Let every failure of a stage be a series from the start: one that appears with its first failure has no increase."""
    for kind in ERROR_TYPES:
        FAILED.labels(stage, kind)
