"""Coverage for a terminal and for machines."""

from collections.abc import Sequence
from datetime import datetime
from textwrap import wrap
from typing import Any

from rundrill.capabilities import MEANINGS
from rundrill.coverage import STANDINGS, Covered, Standing, Tally, by_kind, tally
from rundrill.judge.words import time_text
from rundrill.runbook import Runbook

WIDTH = 80
_NAME, _PROMISES = 17, 8
_COLUMNS: dict[Standing, str] = {
    "met": "met",
    "missed": "missed",
    "unknown": "unknown",
    "unrun": "unrun",
    "planned": "planned",
    "lacking": "lacking",
    "attested": "people",
}


def coverage_lines(
    rows: Sequence[Covered], runbooks: Sequence[Runbook], now: datetime, listed: bool = False
) -> list[str]:
    """A table by runbook and kind, the totals, what is lacking, and which runs the verdicts are of; 78 columns."""
    lines = [_cells("", "promises", list(_COLUMNS.values()))]
    for one in tally(rows, lambda row: row.runbook, clauses_of(runbooks)):
        lines.append(_line(one.name, one))
        lines += [
            _line(f"  {kind.name}", kind) for kind in by_kind(row for row in rows if row.runbook == one.name)
        ]
    (whole,) = tally(rows, lambda row: "all") or (Tally("all", {}),)
    lines += [_line("all", whole), "", *totals(whole, runbooks), *_lacking(rows), *_runs(rows, now)]
    return lines + (["", *_unmeasured(rows)] if listed else [])


def clauses_of(runbooks: Sequence[Runbook]) -> dict[str, int | None]:
    """How many clauses each runbook has, where it says so."""
    return {runbook.runbook: runbook.clauses for runbook in runbooks}


def _line(name: str, one: Tally) -> str:
    short = one.clauses is not None and one.clauses != one.promises
    promises = f"{one.promises}/{one.clauses}" if short else str(one.promises)
    return _cells(name, promises, [str(one.counts.get(standing, 0) or "·") for standing in STANDINGS])


def _cells(name: str, promises: str, cells: list[str]) -> str:
    counts = "".join(f"{cell:>{len(head) + 2}}" for cell, head in zip(cells, _COLUMNS.values(), strict=True))
    return f"{name:<{_NAME}}{promises:>{_PROMISES}}{counts}"


def totals(whole: Tally, runbooks: Sequence[Runbook]) -> list[str]:
    """`500 of 500 clauses are promises; 312 are measured here, …`."""
    clauses = [runbook.clauses for runbook in runbooks if runbook.clauses is not None]
    of = f" of {sum(clauses)}" if len(clauses) == len(runbooks) else ""
    words: dict[Standing, str] = {
        "unknown": "looked at and unknown",
        "unrun": "measurable and not run yet",
        "planned": "waiting for an experiment that is not written",
        "lacking": "in need of what this target lacks",
        "attested": "resting on a signed record",
    }
    left = [f"{count} {words[name]}" for name in words if (count := whole.counts.get(name, 0))]
    said = f"{whole.promises}{of} clauses are promises; {whole.measured} are measured here"
    return wrap(f"{said}; {', '.join(left)}." if left else f"{said}.", WIDTH)


def _lacking(rows: Sequence[Covered]) -> list[str]:
    named = [name for row in rows if row.standing == "lacking" for name in row.promise.needs]
    return (
        ["", "Lacking:", *[f"  {MEANINGS[name]}: {named.count(name)}" for name in sorted(set(named))]]
        if named
        else []
    )


def _runs(rows: Sequence[Covered], now: datetime) -> list[str]:
    """Which runs the verdicts are of, and how old they are."""
    seen = [row.saved for row in rows if row.saved and row.saved.verdict != "NOT RUN"]
    if not seen:
        return ["", "No run is on record: `rundrill gate` makes one."]
    runs, ages = sorted({one.run for one in seen}), sorted(now - one.at for one in seen)
    which = f"run {runs[0]}" if len(runs) == 1 else f"{len(runs)} runs ({runs[0]} to {runs[-1]})"
    said = f"{len(seen)} verdicts are of {which}, the newest {time_text(ages[0])} old, the oldest {time_text(ages[-1])}."
    return ["", *wrap(said, WIDTH)]


def _unmeasured(rows: Sequence[Covered]) -> list[str]:
    """Each promise that is not met here, and why."""
    indent = " " * 10
    lines = []
    for row in rows:
        if row.why:
            lines.append(f"{_COLUMNS[row.standing]:<10}{row.promise.id}")
            lines += wrap(row.why, WIDTH, initial_indent=indent, subsequent_indent=indent, max_lines=3)
    return lines


def coverage_document(rows: Sequence[Covered], runbooks: Sequence[Runbook]) -> dict[str, Any]:
    """The same for machines, with every promise."""
    clauses = clauses_of(runbooks)
    known = [count for count in clauses.values() if count is not None]
    return {
        "schema": "rundrill.coverage/1",
        "promises": len(rows),
        "clauses": sum(known) if len(known) == len(clauses) else None,
        "counts": next((dict(one.counts) for one in tally(rows, lambda row: "all")), {}),
        "runbooks": [_runbook(one, rows) for one in tally(rows, lambda row: row.runbook, clauses)],
        "rows": [_row(row) for row in rows],
    }


def _runbook(one: Tally, rows: Sequence[Covered]) -> dict[str, Any]:
    kinds = by_kind(row for row in rows if row.runbook == one.name)
    return {
        "runbook": one.name,
        "promises": one.promises,
        "clauses": one.clauses,
        "counts": dict(one.counts),
        "kinds": {kind.name: dict(kind.counts) for kind in kinds},
    }


def _row(row: Covered) -> dict[str, Any]:
    return {
        "id": row.promise.id,
        "runbook": row.runbook,
        "kind": row.promise.kind,
        "standing": row.standing,
        "why": row.why,
        "verdict": row.saved.verdict if row.saved else None,
        "run": row.saved.run if row.saved else None,
        "at": row.saved.at.isoformat() if row.saved else None,
    }
