"""What was seen of each row, kept from run to run: a row that was changed since counts as not run."""

import fcntl
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from rundrill.defect import Defect

FILE = "defects.json"


@dataclass(frozen=True)
class RowSeen:
    """What showing one row came to."""

    id: str
    digest: str
    """Of the row as it stood then."""
    shown: bool
    why_not: str | None
    literal_seen: str
    intended_seen: str
    at: datetime
    took_s: float


def digest(defect: Defect) -> str:
    """Tells one wording of a row from another."""
    said = json.dumps(defect.model_dump(mode="json", by_alias=True, exclude_defaults=True), sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def read_seen(reports: Path) -> dict[str, RowSeen]:
    """What is on record, by the row's id; nothing where there is no record."""
    try:
        rows = json.loads((reports / FILE).read_text(encoding="utf-8"))["rows"]
        return {row["id"]: RowSeen(**{**row, "at": datetime.fromisoformat(row["at"])}) for row in rows}
    except (OSError, ValueError, KeyError, TypeError):
        # A record that cannot be read proves nothing: every row is then one that was not run.
        return {}


def save_seen(rows: Iterable[RowSeen], reports: Path) -> None:
    """Adds these rows to the record, in place of what was known of them."""
    reports.mkdir(parents=True, exist_ok=True)
    with (reports / f".{FILE}.lock").open("w") as lock:
        # Two may show different rows at the same time.
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = read_seen(reports) | {row.id: row for row in rows}
        told = [{**asdict(row), "at": row.at.isoformat()} for _, row in sorted(kept.items())]
        new = reports / f".{FILE}.new"
        new.write_text(json.dumps({"rows": told}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        new.replace(reports / FILE)


def current(defects: Iterable[Defect], record: Mapping[str, RowSeen]) -> dict[str, RowSeen]:
    """What is on record of the rows as they stand now."""
    return {
        defect.id: record[defect.id]
        for defect in defects
        if defect.id in record and record[defect.id].digest == digest(defect)
    }
