"""ticket-agent: opens a GitHub issue for each triaged report, one for each however often it is asked."""

from __future__ import annotations

import json
import time

from starlette.applications import Starlette

from services.pipeline.agent import Step, agent_service
from services.pipeline.bus import Bus
from services.pipeline.counts import END_TO_END, FINISHED
from services.pipeline.outside import Outside
from services.pipeline.places import ISSUES, TICKET_GROUP, TRIAGED, Places
from services.pipeline.reports import DONE, Reports
from services.pipeline.reports import FAILED as HAS_FAILED
from services.settings import Settings


def step_of(places: Places, reports: Reports, bus: Bus) -> Step:
    """The step of a message of triaged-reports."""
    outside = Outside(places.openai, places.github)

    async def open_issue(report: dict[str, object]) -> None:
        name = str(report["id"])
        status = (await reports.one(name)).get("status")
        if status in (None, DONE, HAS_FAILED):
            return
        issue = await outside.open_issue(name, str(report["title"]), str(report["severity"]))
        if not await reports.end(name, DONE, {"issue": issue, "done_at": f"{time.time():.3f}"}):
            return
        FINISHED.inc()
        END_TO_END.observe(max(0.0, time.time() - float(str(report["accepted_at"]))))
        await bus.put(ISSUES, name, json.dumps({"id": name, "issue": issue}).encode())

    return open_issue


def application(settings: Settings) -> Starlette:
    """The web application of ticket-agent."""
    return agent_service(settings, TRIAGED, TICKET_GROUP, step_of)
