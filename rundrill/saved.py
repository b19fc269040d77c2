"""What earlier runs found, read from their saved reports."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

type Json = dict[str, Any]
MOST_RUNS = 60
"""Older runs than these prove nothing that is worth the reading."""


@dataclass(frozen=True)
class Saved:
    """The newest verdict on record of one promise."""

    verdict: str
    reason: str
    because: str | None
    run: str
    at: datetime
    looked: bool = True
    """Whether evidence was taken: an alert that is NOT RUN was looked at for its wiring."""


def newest_verdicts(reports: Path, target: str) -> dict[str, Saved]:
    """Promise -> what the newest run on that target said that looked at it; NOT RUN only where no run ever did."""
    found: dict[str, Saved] = {}
    for report in reports_of(reports, target):
        for promise in report["promises"]:
            older, known = _saved(promise, report["run"]), found.get(promise["id"])
            if known is None or _tells_more(older, known):
                found[promise["id"]] = older
    return found


def _tells_more(older: Saved, known: Saved) -> bool:
    """Whether an older verdict says more than a newer one that is NOT RUN: wiring that is mended outlives its old fault."""
    if known.verdict != "NOT RUN":
        return False
    if older.verdict == "NOT RUN":
        return older.looked and not known.looked
    return older.verdict == "MET" or not known.looked


def newest_literals(reports: Path, target: str) -> dict[str, Json]:
    """Promise -> how its runbook's own form did in the newest drill of it, with the `run` it was seen in."""
    found: dict[str, Json] = {}
    for report in reports_of(reports, target):
        for seen in report["defects"]:
            if seen.get("promise"):
                found.setdefault(
                    seen["promise"], {**seen, "run": report["run"]["id"], "at": report["run"]["ended"]}
                )
    return found


def reports_of(reports: Path, target: str) -> Iterator[Json]:
    """The documents of the saved runs on that target, newest first; what cannot be read is no report."""
    paths = [path for path in reports.glob("*/report.json") if not path.parent.is_symlink()]
    for path in sorted(paths, reverse=True)[:MOST_RUNS]:
        try:
            report = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(report, Mapping) and report.get("run", {}).get("target") == target:
            yield dict(report)


def _saved(promise: Json, run: Json) -> Saved:
    at = promise["taken_at"] or run["ended"]
    return Saved(
        promise["verdict"],
        promise["reason"],
        promise.get("because"),
        run["id"],
        datetime.fromisoformat(at),
        looked=promise["taken_at"] is not None,
    )


def point_to(directory: Path) -> None:
    """Makes `latest` beside the run lead to it."""
    new = directory.parent / f".latest-{os.getpid()}"
    new.unlink(missing_ok=True)
    new.symlink_to(directory.name)
    new.replace(directory.parent / "latest")


def last_time(reports: Path, name: str) -> timedelta | None:
    """How long the experiment took when it last left a whole journal; None where it never did."""
    for journal in sorted(reports.glob(f"2*/evidence/{name}/journal.json"), reverse=True):
        try:
            said = json.loads(journal.read_text())
        except ValueError:
            continue
        if said.get("status") == "completed":
            return timedelta(seconds=float(said.get("duration", 0)))
    return None
