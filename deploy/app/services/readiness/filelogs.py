"""Log files beside standard output, turned over when they grow, as the runbook's commands expect them."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

from services.logs import JsonLines

_MOST_BYTES = 1 << 20
_KEPT = 5
AUTHENTICATION = logging.getLogger("services.readiness.authentication")


def log_to_files(directory: Path, service: str) -> None:
    """ai-data-readiness/app.log and error.log, and auth.log, below this directory; each exists from now on."""
    folder = directory / "ai-data-readiness"
    folder.mkdir(parents=True, exist_ok=True)
    root = logging.getLogger()
    for name, level in (("app.log", logging.INFO), ("error.log", logging.ERROR)):
        root.addHandler(_file(folder / name, level, JsonLines(service)))
    plain = logging.Formatter("%(asctime)s.%(msecs)03dZ %(message)s", "%Y-%m-%dT%H:%M:%S")
    AUTHENTICATION.addHandler(_file(directory / "auth.log", logging.INFO, plain))


def _file(path: Path, level: int, form: logging.Formatter) -> RotatingFileHandler:
    sink = RotatingFileHandler(path, maxBytes=_MOST_BYTES, backupCount=_KEPT, encoding="utf-8")
    sink.setLevel(level)
    sink.setFormatter(form)
    return sink
