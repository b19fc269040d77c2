"""Log lines counted by level, so that a quiet log and a noisy one can be told apart without reading them."""

from __future__ import annotations

import logging

from prometheus_client import Counter

LINES = Counter("log_lines", "Log lines written, by level.", ["level"])


class CountLines(logging.Handler):
    """Counts each record; writes nothing."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line more of this level."""
        LINES.labels(record.levelname).inc()


def count_lines() -> None:
    """Count every log line of this process from now on; each level starts at 0."""
    for level in ("INFO", "WARNING", "ERROR"):
        LINES.labels(level)
    logging.getLogger().addHandler(CountLines())
    # It writes a line for each request that it makes.
    logging.getLogger("httpx").setLevel(logging.WARNING)
