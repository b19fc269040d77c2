"""A backup as it lies there: the dump, its manifest, and which one is the newest."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from rundrill.errors import NoEvidence

BEING_FINISHED = timedelta(seconds=60)
"""How long a dump may lie there without its manifest and still count as being written."""


class _Frozen(BaseModel):
    # A manifest is not a policy: a later writer may tell more than we read.
    model_config = ConfigDict(extra="ignore", frozen=True)


class TableContent(_Frozen):
    """How many rows a table holds, and an order-free digest of all of them."""

    rows: int
    digest: str


class Marker(_Frozen):
    """The newest marker row that the dump's snapshot could see."""

    written_at: AwareDatetime


class Manifest(_Frozen):
    """What the backup job wrote beside the dump, measured in the dump's own snapshot."""

    format: Literal[1]
    dump: str
    database: str
    snapshot_at: AwareDatetime
    finished_at: AwareDatetime
    size: int
    sha256: str
    last_marker: Marker | None = None
    roles: tuple[str, ...] = ()
    settings: dict[str, str] = Field(default_factory=dict)
    tables: dict[str, TableContent]
    indexes: int | None = None
    constraints: int | None = None


@dataclass(frozen=True)
class Artefact:
    """One dump on the claim, with its manifest, or what is wrong with that."""

    path: str
    size: int
    modified: datetime
    manifest: Manifest | None
    unreadable: str | None = None
    """Why there is a manifest and it says nothing; None where it is sound or missing."""

    @property
    def name(self) -> str:
        """The file's name without its directory."""
        return PurePosixPath(self.path).name

    @property
    def taken_at(self) -> datetime:
        """The moment whose content it holds, as well as one can know it."""
        return self.manifest.snapshot_at if self.manifest else self.modified


@dataclass(frozen=True)
class Shelf:
    """The newest artefacts of a backup, newest first, and the time of day where they lie."""

    now: datetime
    artefacts: tuple[Artefact, ...]


def read_manifest(text: str) -> Manifest:
    """The manifest that this JSON says; ValueError with one line for a person where it says none."""
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"]) or "the file"
        raise ValueError(f"{where}: {first['msg']}") from None


def newest(shelf: Shelf, where: str) -> Artefact:
    """The artefact that somebody in need would take: the newest, unless its job is still busy with it."""
    if not shelf.artefacts:
        raise NoEvidence(f"no backup in {where}")
    first = shelf.artefacts[0]
    busy = first.manifest is None and shelf.now - first.modified < BEING_FINISHED
    finished = next((artefact for artefact in shelf.artefacts if artefact.manifest), None)
    return finished if busy and finished else first


def moment(epoch: str) -> datetime:
    """The UTC time that `date +%s.%N` said; whole seconds where a small `date` knows no %N."""
    match = re.match(r"\d+(\.\d+)?", epoch)
    if not match:
        raise ValueError(f"{epoch!r} is not a time since 1970")
    return datetime.fromtimestamp(float(match[0]), UTC)


def settings_sql(settings: Mapping[str, str]) -> str:
    """The session settings under which a manifest's digests were taken, as SQL."""
    quoted = ((name, value.replace("'", "''")) for name, value in settings.items())
    return "".join(f"SET {_plain(name)} = '{value}';\n" for name, value in quoted)


def _plain(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", name):
        raise NoEvidence(f"the manifest names a setting {name!r} that PostgreSQL cannot have")
    return name
