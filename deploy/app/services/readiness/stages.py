"""The five stages of a job: each takes what the one before left behind, and leaves something behind itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from services.readiness.uploads import Record, content_of, digest, inside, records_of, write_whole

Output = dict[str, object]
_LABEL = re.compile(r"label-\d+")


class StageFailed(Exception):
    """The stage cannot succeed with this input; the message says why."""


@dataclass(frozen=True)
class Work:
    """One job's input, and where it may write."""

    job: int
    location: str
    sha256: str
    uploads: Path

    @property
    def draft(self) -> Path:
        """The cleaned rows before they are published."""
        return self.uploads / "work" / f"job-{self.job}.csv"

    @property
    def published(self) -> str:
        """The location of the job's output."""
        return f"outputs/job-{self.job}.csv"


def valid(record: Record) -> bool:
    """Whether a row has a number from 0 to 999 and a label."""
    return (
        record["value"].isdigit() and int(record["value"]) < 1000 and bool(_LABEL.fullmatch(record["label"]))
    )


def extract(work: Work, _: Output) -> Output:
    """The source as it was registered."""
    records = _source(work)
    return {"rows": len(records)}


def profile(work: Work, _: Output) -> Output:
    """How complete and how valid the source is."""
    records = _source(work)
    cells = [cell for record in records for cell in record.values()]
    if not cells:
        raise StageFailed("the source has no rows")
    completeness = sum(1 for cell in cells if cell) / len(cells)
    validity = sum(1 for record in records if valid(record)) / len(records)
    return {"completeness": completeness, "validity": validity, "score": (completeness + validity) / 2}


def clean(work: Work, _: Output) -> Output:
    """The valid rows, as a draft."""
    kept = [record for record in _source(work) if valid(record)]
    content = content_of(kept)
    write_whole(work.draft, content)
    return {"rows": len(kept), "sha256": digest(content)}


def validate(work: Work, cleaned: Output) -> Output:
    """That the draft is what cleaning made, and every row of it sound."""
    content = _draft(work, str(cleaned["sha256"]))
    records = records_of(content)
    unsound = sum(1 for record in records if not valid(record))
    if unsound or len({record["id"] for record in records}) != len(records):
        raise StageFailed(f"{unsound} of {len(records)} rows are unsound, or an id stands twice")
    return {"rows": len(records), "sha256": digest(content)}


def publish(work: Work, validated: Output) -> Output:
    """The draft under its final name."""
    content = _draft(work, str(validated["sha256"]))
    write_whole(inside(work.uploads, work.published), content)
    return {"location": work.published, **validated}


STAGES: dict[str, Callable[[Work, Output], Output]] = {
    "extract": extract,
    "profile": profile,
    "clean": clean,
    "validate": validate,
    "publish": publish,
}


def quarantine(work: Work) -> None:
    """Put what a failed job has written out of everyone's way."""
    if work.draft.exists():
        aside = work.uploads / "quarantine" / work.draft.name
        aside.parent.mkdir(exist_ok=True)
        work.draft.rename(aside)


def _source(work: Work) -> list[Record]:
    try:
        content = inside(work.uploads, work.location).read_bytes()
        found = digest(content)
        if found != work.sha256:
            raise StageFailed(f"{work.location}: checksum is {found[:12]}, registered as {work.sha256[:12]}")
        return records_of(content)
    except (OSError, ValueError) as error:
        raise StageFailed(f"{work.location}: {error}") from None


def _draft(work: Work, sha256: str) -> bytes:
    try:
        content = work.draft.read_bytes()
    except OSError as error:
        raise StageFailed(f"draft: {error}") from None
    if digest(content) != sha256:
        raise StageFailed("the draft is not what cleaning made")
    return content
