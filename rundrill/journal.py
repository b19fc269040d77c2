"""What Chaos Toolkit's journal tells, re-derived: its exit code calls an unmet gate and a failed action a success."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rundrill.errors import NoEvidence
from rundrill.evidence import Step

type Json = dict[str, Any]

_OUTER = re.compile(r"^(chaoslib\.exceptions\.\w+: )?(rundrill\.errors\.\w+: )?")
"""What Chaos Toolkit and Python put before the words of an error."""


@dataclass(frozen=True)
class Journal:
    """One run of an experiment: its status, its steady state before, and every activity with its own status."""

    status: str
    """completed, failed, interrupted or aborted."""
    steady_before: bool | None
    """None when the gate was not evaluated."""
    steps: tuple[Step, ...]
    """Gate, method and rollbacks, in the order they ran."""


def read_journal(path: Path) -> Journal:
    """The journal of one run; NoEvidence where there is none, or only half a one."""
    if not path.exists():
        raise NoEvidence(f"{path.name}: the experiment left no journal: it was killed, or never began")
    try:
        written: Json = json.loads(path.read_text(encoding="utf-8"))
        return _journal(written)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoEvidence(f"{path.name}: the journal cannot be read: {error!r}") from None


def _journal(written: Json) -> Journal:
    states = written.get("steady_states") or {}
    before = states.get("before") or {}
    met = before.get("steady_state_met")
    gate = [_step(run, "before: ") for run in before.get("probes", [])]
    after = [_step(run, "after: ") for run in (states.get("after") or {}).get("probes", [])]
    method = [_step(run) for run in written.get("run") or []]
    rollbacks = [_step(run, "rollback: ") for run in written.get("rollbacks") or []]
    return Journal(
        status=str(written["status"]),
        steady_before=None if met is None else bool(met),
        steps=(*gate, *method, *after, *rollbacks),
    )


def _step(run: Json, phase: str = "") -> Step:
    tolerated = run.get("tolerance_met", True)
    return Step(
        name=phase + str(run["activity"]["name"]),
        # An activity that a signal cut short has no status at all.
        status=str(run.get("status", "failed")) if tolerated else "failed",
        started=_time(run.get("start")),
        ended=_time(run.get("end")),
        output=run.get("output"),
        error=_error(run) if tolerated else f"answered {run.get('output')!r}, out of tolerance",
        action=run["activity"].get("type") == "action",
    )


def _error(run: Json) -> str | None:
    """The error in its own words; the whole trace stands in the journal."""
    said = run.get("exception")
    if not said:
        return None if "status" in run else "cut short"
    text = said if isinstance(said, str) else "".join(said)
    return _OUTER.sub("", text.strip().splitlines()[-1])


def _time(text: object) -> datetime | None:
    """The journal writes UTC without saying so."""
    if not isinstance(text, str):
        return None
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
