"""Log lines as JSON on standard output, one object a line, with UTC timestamps."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

_FIELDS = ("method", "route", "code", "seconds", "cause")


class JsonLines(logging.Formatter):
    """One JSON object a record: time, level, service, message, and what the caller put in `extra`."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname,
            "service": self._service,
            "message": record.getMessage(),
        }
        line |= {name: getattr(record, name) for name in _FIELDS if hasattr(record, name)}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def log_to_stdout(service: str, level: str) -> None:
    """Send every logger of this process to standard output as JSON."""
    sink = logging.StreamHandler(sys.stdout)
    sink.setFormatter(JsonLines(service))
    logging.basicConfig(level=level, handlers=[sink], force=True)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
    # The pool warns at each failed try to connect; the request that suffers from it is logged anyway.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
