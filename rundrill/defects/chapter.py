"""The rows of defects as a report has them: those that were run, and those that a drill showed."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from rundrill.defect import Defect
from rundrill.defects.compare import contradiction
from rundrill.defects.saved import RowSeen, current, read_seen
from rundrill.errors import NoEvidence
from rundrill.policy import Policy
from rundrill.run import DefectRow, DefectSeen
from rundrill.saved import newest_literals
from rundrill.units import duration_text


def defect_rows(
    policy: Policy, reports: Path, target: str, seen: Iterable[DefectSeen] = ()
) -> tuple[DefectRow, ...]:
    """Every row of the policy with what is on record of it; what this run showed comes before older runs."""
    record = current(policy.defects, read_seen(reports))
    wanted = {row.drilled.promise for row in policy.defects if row.drilled}
    drilled: dict[str, Mapping[str, Any]] = dict(newest_literals(reports, target)) if wanted else {}
    drilled |= {one.promise: vars(one) for one in seen}
    return tuple(_row(row, record.get(row.id), drilled, policy) for row in policy.defects)


def _row(
    row: Defect, seen: RowSeen | None, drilled: Mapping[str, Mapping[str, Any]], policy: Policy
) -> DefectRow:
    literal, intended = _forms(row, policy)
    return DefectRow(
        id=row.id,
        number=row.number,
        runbook=row.id.partition(".")[0],
        where=row.where,
        says=row.says,
        shows=row.shows,
        mended_by=row.mended,
        promises=row.promises,
        way=row.way,
        literal=literal,
        intended=intended,
        **_known(row, seen, drilled),
    )


def _known(row: Defect, seen: RowSeen | None, drilled: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What is on record; the text's own figures need no run: they are worked out anew each time."""
    if row.drilled:
        return _drilled(drilled.get(row.drilled.promise))
    if row.numbers:
        return _figures(row)
    names = ("shown", "why_not", "literal_seen", "intended_seen", "at")
    return {name: getattr(seen, name) for name in names} if seen else {}


def _drilled(seen: Mapping[str, Any] | None) -> dict[str, Any]:
    if seen is None:
        return {}
    at = datetime.fromisoformat(seen["at"]) if "at" in seen else None
    return {
        "shown": seen["shown"],
        "why_not": None if seen["shown"] else "the drill did not show it",
        "literal_seen": seen["literal_seen"],
        "intended_seen": seen["mended_seen"],
        "at": at,
    }


def _figures(row: Defect) -> dict[str, Any]:
    assert row.numbers is not None
    try:
        left, right = contradiction(row.numbers)
    except NoEvidence as error:
        return {"shown": False, "why_not": str(error)}
    return {"shown": True, "literal_seen": left, "intended_seen": right}


def _forms(row: Defect, policy: Policy) -> tuple[str, str]:
    """The literal and the intended form as text."""
    forms = row.shell or row.sql or row.redis or row.kubectl or row.promql
    if forms:
        return forms.literal.strip(), forms.intended.strip()
    if row.rules:
        texts = [
            f"{one.expr}\nfor: {duration_text(one.for_)}" for one in (row.rules.literal, row.rules.intended)
        ]
        return texts[0], texts[1]
    if row.numbers:
        return row.numbers.left.says, f"must be {row.numbers.must_be} {row.numbers.right.says}"
    assert row.drilled is not None
    promise = policy.promise(row.drilled.promise)
    literal = promise.literal.when or promise.literal.command if promise.literal else None
    return literal or "", (promise.alert.when if promise.alert else None) or promise.says
