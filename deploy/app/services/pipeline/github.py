"""github: stands in for GitHub's issues; the same report gets the same issue."""

from __future__ import annotations

from collections import OrderedDict

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.pipeline.counts import count_lines
from services.pipeline.standin import Behaviour, unable
from services.settings import Settings
from services.web import build, route

_SECONDS = 0.02
_MOST = 20_000


class Issues:
    """The newest issues, by the report they were opened for."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, int] = OrderedDict()
        self._last = 0

    def number_of(self, report: str) -> int:
        """The report's issue, opened where there is none."""
        if report not in self._of:
            self._last += 1
            self._of[report] = self._last
            if len(self._of) > _MOST:
                self._of.popitem(last=False)
        return self._of[report]

    def __len__(self) -> int:
        return self._last


def application(settings: Settings) -> Starlette:
    """The stand-in's web application."""
    count_lines()
    behaviour, issues = Behaviour(_SECONDS), Issues()

    async def open_issue(request: Request) -> Response:
        body = await behaviour.asked(request)
        if behaviour.fails(str(body["report"])):
            return unable()
        return JSONResponse({"number": issues.number_of(str(body["report"]))}, 201)

    async def count(_: Request) -> Response:
        return JSONResponse({"total": len(issues)})

    routes = [
        route("/repos/{owner}/{name}/issues", open_issue, method="POST"),
        route("/repos/{owner}/{name}/issues", count, counted=False),
        route("/behaviour", behaviour.told, counted=False),
        route("/behaviour", behaviour.change, method="POST", counted=False),
    ]
    return build(settings, routes)
