"""triage-agent: asks the model how bad a reported bug is, and hands the report on."""

from __future__ import annotations

import json

from starlette.applications import Starlette

from services.pipeline.agent import Step, agent_service
from services.pipeline.bus import Bus
from services.pipeline.counts import OPENAI
from services.pipeline.outside import Outside
from services.pipeline.places import REPORTS, TRIAGE_GROUP, TRIAGED, Places
from services.pipeline.reports import RECEIVED, Reports
from services.pipeline.reports import TRIAGED as IS_TRIAGED
from services.settings import Settings


def step_of(places: Places, reports: Reports, bus: Bus) -> Step:
    """The step of a message of bug-reports."""
    outside = Outside(places.openai, places.github)
    for outcome in ("answered", "failed"):
        OPENAI.labels(outcome)

    async def triage(report: dict[str, object]) -> None:
        name = str(report["id"])
        fields = await reports.one(name)
        # Sent again although it had gone on, or run out: nothing is left to do.
        if fields.get("status") not in (RECEIVED, IS_TRIAGED):
            return
        severity = await outside.severity_of(name, str(report["title"]), str(report.get("body", "")))
        # The state first: the other agent may be done before this one comes to it.
        await reports.move(name, IS_TRIAGED, {"severity": severity})
        put = await bus.put(TRIAGED, name, json.dumps(report | {"severity": severity}).encode())
        await reports.lies_at(name, put)

    return triage


def application(settings: Settings) -> Starlette:
    """The web application of triage-agent."""
    return agent_service(settings, REPORTS, TRIAGE_GROUP, step_of)
