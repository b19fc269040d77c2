"""The newest backups as they lie there, refused where they are old, from the future, or damaged."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.readiness.database_backup import LATEST
from services.readiness.file_backup import checksum

OLDEST = timedelta(hours=24)
_CHUNK_BYTES = 1 << 20


class Unfit(Exception):
    """This backup must not be relied on; the message says why."""


@dataclass(frozen=True)
class Dump:
    """A dump that may be restored, and what its tables held."""

    path: Path
    data_from: datetime
    tables: dict[str, tuple[int, str]]


@dataclass(frozen=True)
class Archive:
    """An archive that may be unpacked, and the checksum of each of its files."""

    path: Path
    started: datetime
    size: int
    sums: dict[str, str]


def newest_dump(folder: Path, now: datetime) -> Dump:
    """What `latest.sql.gz` leads to; Unfit where link, file or data are not of the last 24 hours, or the file is damaged."""
    link = folder / LATEST
    if not link.exists():
        raise Unfit(f"{LATEST} is missing, or leads nowhere")
    path = link.resolve()
    if path.stat().st_size == 0:
        raise Unfit(f"{path.name} is empty")
    fresh("the link", datetime.fromtimestamp(link.lstat().st_mtime, UTC), now)
    fresh("the file", datetime.fromtimestamp(path.stat().st_mtime, UTC), now)
    described = _description(path, ".sql.gz")
    data_from = datetime.fromisoformat(str(described["snapshot_at"]))
    fresh("its data", data_from, now)
    _sound(path)
    if checksum(path) != described["sha256"]:
        raise Unfit(f"{path.name}: its checksum is not the one written down")
    tables = described["tables"]
    assert isinstance(tables, dict)
    return Dump(path, data_from, {name: (int(t["rows"]), str(t["digest"])) for name, t in tables.items()})


def newest_archive(folder: Path, now: datetime) -> Archive:
    """The newest archive with a description; Unfit where there is none, or it is old or damaged."""
    described = sorted(folder.glob("files_*.json"))
    if not described:
        raise Unfit("there is no archive of the files")
    path = described[-1].with_suffix(".tar.gz")
    if not path.exists():
        raise Unfit(f"{path.name} is missing")
    said = _description(path, ".tar.gz")
    started = datetime.fromisoformat(str(said["started_at"]))
    fresh("the archive", started, now)
    if checksum(path) != said["sha256"]:
        raise Unfit(f"{path.name}: its checksum is not the one written down")
    sums = said["sums"]
    assert isinstance(sums, dict)
    return Archive(path, started, int(str(said["bytes"])), sums)


def fresh(what: str, moment: datetime, now: datetime) -> None:
    """Unfit where the moment is 24 hours ago or more, or in the future."""
    age = now - moment
    if age >= OLDEST:
        raise Unfit(f"{what} is {age / timedelta(hours=1):.1f} h old")
    # Clocks of machines differ a little.
    if age < -timedelta(seconds=5):
        raise Unfit(f"{what} is dated {-age / timedelta(minutes=1):.0f} min in the future")


def _description(path: Path, suffix: str) -> dict[str, object]:
    beside = path.with_name(path.name.removesuffix(suffix) + ".json")
    try:
        described: dict[str, object] = json.loads(beside.read_text())
    except (OSError, ValueError) as error:
        raise Unfit(f"{path.name} has no description: {error}") from None
    return described


def _sound(path: Path) -> None:
    try:
        with gzip.open(path) as unpacked:
            while unpacked.read(_CHUNK_BYTES):
                pass
    except (OSError, EOFError, zlib.error) as error:
        raise Unfit(f"{path.name} is damaged: {error}") from None
