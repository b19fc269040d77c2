"""The files behind the datasets: where they lie, what they hold, and the first ones."""

from __future__ import annotations

import csv
import hashlib
import io
import logging
import os
from pathlib import Path

from services.readiness.surroundings import Surroundings
from services.settings import Settings

log = logging.getLogger("services.readiness.uploads")

COLUMNS = ["id", "value", "label"]
FIRST_SOURCES = 40
SEEDED = ".seeded"
_ROWS = 40

Record = dict[str, str]


def first_source(number: int) -> bytes:
    """The content of one of the first sources, as first-rows.sql computes its checksum."""
    lines = [f"{k},{(number * 7919 + k * 104729) % 1000},label-{k % 7}" for k in range(1, _ROWS + 1)]
    return ("id,value,label\n" + "".join(f"{line}\n" for line in lines)).encode()


def digest(content: bytes) -> str:
    """The SHA-256 of these bytes, in hex."""
    return hashlib.sha256(content).hexdigest()


def records_of(content: bytes) -> list[Record]:
    """The rows of a CSV file; ValueError where it is no such file."""
    reader = csv.DictReader(io.StringIO(content.decode()))
    if reader.fieldnames != COLUMNS:
        raise ValueError(f"columns are {reader.fieldnames}, expected {COLUMNS}")
    return list(reader)


def content_of(records: list[Record]) -> bytes:
    """These rows as a CSV file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode()


def write_whole(path: Path, content: bytes) -> None:
    """The file with this content; a reader sees the old one or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(content)
    partial.rename(path)


def inside(uploads: Path, location: str) -> Path:
    """The file of this location; ValueError where it would lie outside."""
    path = (uploads / location).resolve()
    if not path.is_relative_to(uploads.resolve()):
        raise ValueError(f"location: {location!r} leads out of the uploads")
    return path


def run(_: Settings) -> None:
    """The first sources, once for each volume: a file that is lost later stays lost."""
    uploads = Surroundings.from_environment().uploads
    if (uploads / SEEDED).exists():
        return
    for number in range(1, FIRST_SOURCES + 1):
        write_whole(uploads / "sources" / f"source-{number:03}.csv", first_source(number))
    (uploads / SEEDED).touch()
    log.info("first sources written: %d", FIRST_SOURCES)
