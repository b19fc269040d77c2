"""The report as one HTML page: no script, no network, every value escaped."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rundrill.evidence import Evidence
from rundrill.judge.hops import hop_words
from rundrill.judge.words import clock_text, count_text, glued, share_text, size_text, time_text
from rundrill.report.attention import alike, cause_of
from rundrill.report.bars import LATENCY_TICKS, against, buckets, phases
from rundrill.report.experiments import experiment_lines
from rundrill.report.plain import plain
from rundrill.report.timeline import timeline
from rundrill.verdict import Because

type Json = dict[str, Any]

FOLDER = Path(__file__).parent
KINDS = {
    "objective": "Objectives",
    "alert": "Alerts",
    "drill": "Drills and procedures",
    "restore": "Restores",
    "capacity": "Capacity",
    "state": "States",
    "attestation": "Attestations",
}
MARKS = {"MET": "✓", "MISSED": "✕", "UNKNOWN": "?", "WAIVED": "◇", "NOT RUN": "–"}
"""A mark for each verdict, so that nothing is told by colour alone."""
_COUNTED = re.compile(r"(?<=\d) (?=\w)")
MOST_TOLD = 16
"""Causes that are open on the page; more of them open with a click."""
EXCERPT = 700
"""Characters of a raw answer that are shown; the whole stands in evidence/."""


def render(report: Json, evidence: Mapping[str, Evidence | None]) -> str:
    """The page of a report document, with excerpts of the raw evidence where it is given."""
    told = {one["id"] for one in report["promises"] if one["verdict"] in ("MISSED", "UNKNOWN")}
    return (
        _pages()
        .get_template("report.html.j2")
        .render(
            **report,
            css=(FOLDER / "report.css").read_text(encoding="utf-8"),
            kinds=KINDS,
            marks=MARKS,
            attention=alike(report["promises"], ("MISSED", "UNKNOWN")),
            cause=cause_of,
            most_told=MOST_TOLD,
            whole=whole(report["runbooks"]),
            figured=figured,
            experiments=experiment_lines(report["promises"]),
            joined=_joined(report),
            excerpts={
                name: excerpts(seen) for name, seen in evidence.items() if seen is not None and name in told
            },
            mends={defect["promise"]: defect for defect in report["defects"]},
            timeline=timeline,
            phases=phases,
            against=against,
            buckets=buckets,
            latency_ticks=LATENCY_TICKS,
        )
    )


def _pages() -> Environment:
    pages = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {
        "time": time_text,
        "count": count_text,
        "share": share_text,
        "size": size_text,
        "hop": hop_words,
        "glued": glued,
        "unbroken": lambda text: _COUNTED.sub("\u00a0", text),
        "clock": lambda text: clock_text(datetime.fromisoformat(text)),
    }
    return pages


def figured(promises: list[Json]) -> list[tuple[str, list[Json]]]:
    """The promises that are drawn, under the title of their pictures."""
    found = {
        "Objectives": [one for one in promises if one["kind"] == "objective" and "share" in one["measured"]],
        "Drills": [one for one in promises if one["measured"].get("hops") is not None],
        "Restores": [one for one in promises if one["kind"] == "restore" and "rto_s" in one["measured"]],
        "Capacity": [one for one in promises if one["kind"] == "capacity" and "bucket_s" in one["measured"]],
    }
    return [(title, cards) for title, cards in found.items() if cards]


def whole(runbooks: list[Json]) -> Json:
    """The counts of all runbooks together."""
    names = ("promises", "met", "missed", "unknown", "waived", "not_run")
    because = {cause.value: sum(one["not_run_because"][cause.value] for one in runbooks) for cause in Because}
    return {name: sum(one[name] for one in runbooks) for name in names} | {"not_run_because": because}


def _joined(report: Json) -> set[str]:
    """The promises whose defect stands in a row of its own."""
    return {name for row in report["defect_rows"] if row["way"] == "drilled" for name in row["promises"]}


def excerpts(seen: Evidence) -> list[Json]:
    """The first raw answers, cut to what a page can bear."""
    return [
        {
            "source": raw.source,
            "asked": _cut(raw.asked),
            "answered": _cut(_text(raw.answered)),
            "at": plain(raw.at),
        }
        for raw in seen.raw[:3]
    ]


def _text(answered: object) -> str:
    return (
        answered if isinstance(answered, str) else json.dumps(plain(answered), ensure_ascii=False, indent=1)
    )


def _cut(text: str) -> str:
    return text if len(text) <= EXCERPT else text[:EXCERPT] + " …"
