"""openai: stands in for the OpenAI API; it judges a bug by its words."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.pipeline.counts import count_lines
from services.pipeline.standin import Behaviour, unable
from services.settings import Settings
from services.web import build, route

_SECONDS = 0.04
_WORDS = {
    "critical": ("crash", "data loss", "outage", "security"),
    "high": ("error", "fails", "broken", "timeout"),
    "medium": ("slow", "wrong", "missing"),
}


def severity_of(text: str) -> str:
    """The worst severity that a word of the text stands for; `low` where none does."""
    lowered = text.lower()
    return next((name for name, words in _WORDS.items() if any(word in lowered for word in words)), "low")


def application(settings: Settings) -> Starlette:
    """The stand-in's web application."""
    count_lines()
    behaviour = Behaviour(_SECONDS)

    async def complete(request: Request) -> Response:
        body = await behaviour.asked(request)
        if behaviour.fails(str(body["report"])):
            return unable()
        return JSONResponse({"severity": severity_of(str(body.get("messages")))})

    routes = [
        route("/v1/chat/completions", complete, method="POST"),
        route("/behaviour", behaviour.told, counted=False),
        route("/behaviour", behaviour.change, method="POST", counted=False),
    ]
    return build(settings, routes)
