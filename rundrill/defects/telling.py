"""The word `rundrill defects`: rows are run, told one by one, counted and put on record."""

import json
import shutil
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from rundrill.defect import Defect
from rundrill.defects.rows import show_rows
from rundrill.defects.saved import RowSeen, current, read_seen, save_seen
from rundrill.errors import PolicyError
from rundrill.policy import Policy
from rundrill.session import open_session
from rundrill.wording import hint

REPORTS = Path("reports")


def run_rows(path: Path, target: str, rows: Sequence[Defect], say: Callable[[str], None]) -> None:
    """Shows these rows, tells each and puts it on record at once: what comes later may be cut short."""
    by_id = {row.id: row for row in rows}

    def told(row: RowSeen) -> None:
        save_seen([row], REPORTS)
        say("\n".join(lines(by_id[row.id], row)))

    with open_session(path, target, REPORTS, disruptive=False) as session:
        show_rows(rows, session.kube, told)


def tell_saved(rows: Sequence[Defect], say: Callable[[str], None]) -> None:
    """Tells what is on record of these rows."""
    record = current(rows, read_seen(REPORTS))
    for row in rows:
        say("\n".join(lines(row, record.get(row.id))))


def as_json(rows: Sequence[Defect]) -> str:
    """The rows with what is on record of each, for machines."""
    record = current(rows, read_seen(REPORTS))
    return json.dumps([_document(row, record.get(row.id)) for row in rows], indent=1, ensure_ascii=False)


def conclude(rows: Sequence[Defect]) -> tuple[str, int]:
    """The totals, and the exit status: 0 where every row is shown that can be without a drill, 1 where one is not."""
    record = current(rows, read_seen(REPORTS))
    own = [row for row in rows if row.way != "drilled"]
    return totals(rows, record), 0 if all(row.id in record and record[row.id].shown for row in own) else 1


def asked_rows(policy: Policy, only: Sequence[str], runbooks: Sequence[str]) -> list[Defect]:
    """The rows that the caller named, or all; PolicyError where a name is unknown."""
    known = [row.id for row in policy.defects]
    for name in only:
        if name not in known:
            raise PolicyError(f"{policy.path}: there is no defect {name!r}{hint(name, known)}")
    slugs = {policy.runbook(slug).runbook for slug in runbooks}
    return [
        row
        for row in policy.defects
        if (not only or row.id in only) and (not slugs or row.id.partition(".")[0] in slugs)
    ]


def lines(row: Defect, seen: RowSeen | None) -> list[str]:
    """One row for a terminal: whether it is shown, what each form did, and why not."""
    width = min(shutil.get_terminal_size().columns, 120)
    if row.drilled:
        return [f"· {row.id}", f"    shown by a drill of {row.drilled.promise}"]
    if seen is None:
        return [f"– {row.id}", "    not run yet"]
    told = [f"{'✓' if seen.shown else '✕'} {row.id}  ({row.way}, {seen.took_s:.1f} s)"]
    for name, text in (
        ("literal", seen.literal_seen),
        ("intended", seen.intended_seen),
        ("not shown", seen.why_not),
    ):
        if text:
            told += textwrap.wrap(
                f"{name}: {text}", width, initial_indent="    ", subsequent_indent="      ", max_lines=4
            )
    return told


def totals(rows: Sequence[Defect], record: dict[str, RowSeen]) -> str:
    """How many are shown, and by what."""
    shown = [row for row in rows if row.id in record and record[row.id].shown]
    text = sum(row.way == "numbers" for row in shown)
    drilled = sum(row.way == "drilled" for row in rows)
    left = len(rows) - len(shown) - drilled
    said = f"{len(shown)} of {len(rows)} defects shown: {len(shown) - text} by running, {text} by the text's own numbers"
    said += f"; {drilled} are shown by drills" if drilled else ""
    return said + (f"; {left} not shown" if left else "")


def _document(row: Defect, seen: RowSeen | None) -> dict[str, object]:
    said: dict[str, object] = {
        "id": row.id,
        "number": row.number,
        "where": row.where,
        "says": row.says,
        "shows": row.shows,
        "mended": row.mended,
        "promises": list(row.promises),
        "way": row.way,
        "seen": None,
    }
    return said | ({"seen": {**asdict(seen), "at": seen.at.isoformat()}} if seen else {})
