"""A live database, its backups and a scratch server to restore them into, all real and on this machine."""

import gzip
import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from local_postgres import LocalShell, ground, server

from rundrill.evidence import Evidence, RestoreSeen
from rundrill.judge import judge
from rundrill.profile import Profile
from rundrill.promise import Promise
from rundrill.restore.artefact import newest
from rundrill.restore.rehearsal import Order, Stopwatch, rehearse
from rundrill.restore.scratch import Scratch
from rundrill.restore.shelf import look
from rundrill.verdict import Outcome

DATABASE = "aic_aipaas"
MARKERS = "SELECT max(written_at) FROM backup_markers"
PATTERN = "backup_*.sql.gz"
SCHEMA = """
CREATE TABLE users (id serial PRIMARY KEY, name text NOT NULL, joined timestamptz NOT NULL DEFAULT now());
INSERT INTO users (name) SELECT 'user ' || n FROM generate_series(1, 300) n;
CREATE TABLE notes (said text);
INSERT INTO notes VALUES (E'two\\nlines'), (''), (NULL), ('ünï');
CREATE TABLE backup_markers (id bigserial PRIMARY KEY, written_at timestamptz NOT NULL DEFAULT clock_timestamp());
INSERT INTO backup_markers DEFAULT VALUES;
ALTER TABLE users OWNER TO owner_of_users;
"""

PROMISE = Promise.model_validate(
    {
        "id": "test.restore.dump",
        "says": "the dump loads back, and holds the same data",
        "source": "Backup and Restore",
        "gate": "must",
        "restore": {
            "backup": "test.backup.dump",
            "into": "scratch",
            "rto": "5m",
            "rpo": "1h",
            "compare": "content",
        },
    }
)


@pytest.fixture(scope="module")
def source() -> Iterator[Scratch]:
    with server("source") as live:
        live.sql("postgres", f"CREATE DATABASE {DATABASE};\nCREATE ROLE owner_of_users;")
        live.sql(DATABASE, SCHEMA)
        yield live


@pytest.fixture(scope="module")
def scratch() -> Iterator[Scratch]:
    with server("rundrill-scratch-test") as started:
        yield started


@pytest.fixture(scope="module")
def pristine(source: Scratch) -> Iterator[Path]:
    with ground() as shelf:
        back_up(source, DATABASE, shelf)
        yield shelf


@pytest.fixture
def shelf(pristine: Path) -> Iterator[Path]:
    with ground() as copy:
        shutil.copytree(pristine, copy, dirs_exist_ok=True)
        yield copy


def back_up(live: Scratch, database: str, shelf: Path) -> None:
    """A backup by the platform's own job, so that its writer and our reader cannot drift apart."""
    sys.path.append(str(Path(__file__).parents[2] / "deploy" / "app"))
    try:
        from services import backup
    finally:
        sys.path.pop()
    backup.back_up(login(live, database), shelf, datetime.now(UTC))


def login(live: Scratch, database: str) -> str:
    return f"host={live.directory} user=postgres dbname={database}"


def dump_on(shelf: Path) -> Path:
    return next(shelf.glob(PATTERN))


def manifest_on(shelf: Path) -> Path:
    return next(shelf.glob("*.json"))


def rewrite(shelf: Path, change: Callable[[str], str]) -> None:
    """Changes the dump's text, and lets the manifest's sum agree, so that only the content can give it away."""
    dump = dump_on(shelf)
    before = gzip.decompress(dump.read_bytes()).decode()
    after = change(before)
    assert after != before
    dump.write_bytes(gzip.compress(after.encode()))
    amend(shelf, sha256=hashlib.sha256(dump.read_bytes()).hexdigest())


def amend(shelf: Path, **entries: object) -> None:
    manifest = manifest_on(shelf)
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | entries))


def order_from(shelf: Path, later: timedelta = timedelta(0), markers: str = MARKERS) -> Order:
    found = look(LocalShell(), str(shelf), PATTERN)
    return Order(newest(found, str(shelf)), found.now + later, DATABASE, markers, Stopwatch())


def restore(shelf: Path, scratch: Scratch, later: timedelta = timedelta(0)) -> RestoreSeen:
    return rehearse(order_from(shelf, later), scratch)


def verdict_on(seen: RestoreSeen) -> tuple[Outcome, str]:
    now = datetime.now(UTC)
    verdict = judge(PROMISE, Evidence(PROMISE.id, "restore", now, seen), Profile(), now)
    return verdict.outcome, verdict.reason
