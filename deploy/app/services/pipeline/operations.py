"""operations: the desk of whoever is on call; it only waits, and what runs in it is called by hand."""

from __future__ import annotations

from starlette.applications import Starlette

from services.pipeline.counts import count_lines
from services.settings import Settings
from services.web import build


def application(settings: Settings) -> Starlette:
    """The desk's web application: its health and nothing more."""
    count_lines()
    return build(settings, [])
