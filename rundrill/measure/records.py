"""What was written down before: verdicts of earlier runs, and commits of the policy's own files."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rundrill.asking import StateAnswer, answered
from rundrill.errors import NoEvidence
from rundrill.evidence import Reading, StateSeen, Value
from rundrill.gateway.git import is_changed, last_commit
from rundrill.probe import CommitProbe, VerdictProbe
from rundrill.session import Session

type Json = dict[str, Any]


def see_verdicts(probe: VerdictProbe, session: Session, slug: str) -> StateAnswer:
    """The newest saved verdict of each promise by an earlier run on this target; one that never was is not found."""
    names = probe.promises or (str(probe.promise),)
    known = {promise.id for promise in session.policy.promises}
    if strange := [name for name in names if name not in known]:
        raise NoEvidence(f"no promise is called {', '.join(strange)}")
    saved = session.cached(("saved verdicts",), lambda: _saved(session))
    readings = [Reading(name, _facts(saved.get(name))) for name in names]
    raw = answered("reports", ", ".join(names), {name: saved.get(name) for name in names})
    return StateSeen(tuple(readings)), (raw,)


def _facts(verdict: Json | None) -> dict[str, Value]:
    if verdict is None:
        return {"found": False}
    age = (datetime.now(UTC) - datetime.fromisoformat(verdict["at"])).total_seconds()
    return {"found": True, "outcome": verdict["verdict"], "age": age}


def _saved(session: Session) -> dict[str, Json]:
    """Promise -> its newest verdict, of all reports beside this run's."""
    newest: dict[str, Json] = {}
    for report in _reports(session.directory.resolve()):
        if report["run"]["target"] != session.target.url:
            continue
        for one in report["promises"]:
            at = one["taken_at"] or report["run"]["ended"]
            if one["verdict"] != "NOT RUN" and at > newest.get(one["id"], {"at": ""})["at"]:
                newest[one["id"]] = {"verdict": one["verdict"], "at": at, "run": report["run"]["id"]}
    return newest


def _reports(own: Path) -> Iterator[Json]:
    for path in sorted(own.parent.glob("*/report.json")):
        if path.parent.is_symlink() or path.parent == own:
            continue
        try:
            yield json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue


def see_commit(probe: CommitProbe, session: Session, slug: str) -> StateAnswer:
    """How long ago a file beside the policy was last committed, and whether it was changed since."""
    path = session.policy.path.resolve().parent / probe.path
    facts: dict[str, Value] = {"found": False}
    if path.is_file():
        committed = last_commit(path)
        facts = {"found": True, "changed": is_changed(path)}
        if committed:
            facts["age"] = (datetime.now(UTC) - committed).total_seconds()
    return StateSeen((Reading(probe.path, facts),)), (answered("git", f"log of {probe.path}", facts),)
