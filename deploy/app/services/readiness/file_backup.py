"""readiness-file-backup: the uploads as one archive, with the checksum of each file beside it."""

from __future__ import annotations

import hashlib
import json
import logging
import tarfile
from datetime import UTC, datetime
from pathlib import Path

from services.readiness.surroundings import Surroundings
from services.settings import Settings

log = logging.getLogger("services.readiness.file_backup")

KEEP = 7
# Drafts of jobs under way are made again from their checkpoints.
_PARTS = ("sources", "outputs", "quarantine")


def files_of(uploads: Path) -> dict[str, Path]:
    """Every whole file that belongs into a backup, by its location."""
    below = (path for part in _PARTS for path in sorted((uploads / part).rglob("*")))
    return {
        str(path.relative_to(uploads)): path
        for path in below
        if path.is_file() and not path.name.startswith(".")
    }


def checksum(path: Path) -> str:
    """The file's SHA-256 in hex."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def archive(uploads: Path, folder: Path, started: datetime) -> Path:
    """The finished archive; its description is written last, so that one without it is unfinished."""
    final = folder / f"files_{started:%Y%m%d_%H%M%S}.tar.gz"
    partial = final.with_name(f".{final.name}.partial")
    sums: dict[str, str] = {}
    with tarfile.open(partial, "w:gz", compresslevel=5) as packed:
        for location, path in files_of(uploads).items():
            sums[location] = checksum(path)
            packed.add(path, arcname=location)
    size = sum((uploads / location).stat().st_size for location in sums)
    described = {
        "archive": final.name,
        "started_at": started.isoformat(),
        "finished_at": datetime.now(UTC).isoformat(),
        "sha256": checksum(partial),
        "files": len(sums),
        "bytes": size,
        "sums": sums,
    }
    partial.rename(final)
    final.with_name(final.name.removesuffix(".tar.gz") + ".json").write_text(
        json.dumps(described, indent=1) + "\n"
    )
    return final


def forget_old(folder: Path) -> None:
    """Remove all but the newest archives."""
    for old in sorted(folder.glob("files_*.tar.gz"))[:-KEEP]:
        old.unlink()
        old.with_name(old.name.removesuffix(".tar.gz") + ".json").unlink(missing_ok=True)


def run(_: Settings) -> None:
    """One archive; the process fails where it does."""
    surroundings = Surroundings.from_environment()
    surroundings.file_backups.mkdir(parents=True, exist_ok=True)
    made = archive(surroundings.uploads, surroundings.file_backups, datetime.now(UTC))
    log.info("archive made: %s, %d bytes", made.name, made.stat().st_size)
    forget_old(surroundings.file_backups)
