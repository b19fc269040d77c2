"""A backup that would not bring the data back is never MET, however good it looks."""

import gzip
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from local_postgres import LocalShell, ground, needs_postgresql, server

from rundrill.errors import NoEvidence
from rundrill.evidence import Evidence, RestoreSeen
from rundrill.judge import judge
from rundrill.profile import Profile
from rundrill.promise import Promise
from rundrill.restore.artefact import newest
from rundrill.restore.literal import defect, undergo
from rundrill.restore.rehearsal import Order, Stopwatch, rehearse
from rundrill.restore.scratch import Scratch
from rundrill.restore.shelf import look
from rundrill.verdict import Outcome

sys.path.append(str(Path(__file__).parents[2] / "deploy" / "app"))
from services import backup

pytestmark = [pytest.mark.slow, needs_postgresql]

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
        backup.back_up(_login(source, DATABASE), shelf, datetime.now(UTC))
        yield shelf


@pytest.fixture
def shelf(pristine: Path) -> Iterator[Path]:
    with ground() as copy:
        shutil.copytree(pristine, copy, dirs_exist_ok=True)
        yield copy


def _login(live: Scratch, database: str) -> str:
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


def test_a_sound_backup_comes_back_row_for_row(shelf: Path, scratch: Scratch) -> None:
    seen = restore(shelf, scratch)
    assert verdict_on(seen)[0] is Outcome.MET, seen
    assert seen.rows_compared == 305
    assert {table.subject for table in seen.tables} == {
        "public.users",
        "public.notes",
        "public.backup_markers",
    }


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_archive_is_missed(shelf: Path, scratch: Scratch, share: float) -> None:
    dump = dump_on(shelf)
    dump.write_bytes(dump.read_bytes()[: int(dump.stat().st_size * share)])
    outcome, reason = verdict_on(restore(shelf, scratch))
    assert outcome is Outcome.MISSED
    assert "gunzip: unexpected end of file" in reason


def test_a_dump_cut_in_the_middle_of_a_table_is_missed(shelf: Path, scratch: Scratch) -> None:
    rewrite(shelf, lambda text: text[: text.index("user 150")])
    outcome, reason = verdict_on(restore(shelf, scratch))
    assert outcome is Outcome.MISSED
    assert "unfinished dump" in reason


def test_an_empty_archive_is_missed(shelf: Path, scratch: Scratch) -> None:
    dump_on(shelf).write_bytes(gzip.compress(b""))
    outcome, reason = verdict_on(restore(shelf, scratch))
    assert outcome is Outcome.MISSED
    assert "0 bytes of an unfinished dump" in reason


def test_an_empty_file_is_missed(shelf: Path, scratch: Scratch) -> None:
    dump_on(shelf).write_bytes(b"")
    assert verdict_on(restore(shelf, scratch))[0] is Outcome.MISSED


def test_one_changed_row_is_missed_and_its_table_named(shelf: Path, scratch: Scratch) -> None:
    rewrite(shelf, lambda text: text.replace("user 150\t", "user 15O\t"))
    seen = restore(shelf, scratch)
    outcome, reason = verdict_on(seen)
    assert outcome is Outcome.MISSED
    assert "public.users" in reason
    assert "public.notes" not in reason
    assert "same 300 rows by number" in seen.notes["differences"]


def test_one_lost_row_is_missed_and_its_table_named(shelf: Path, scratch: Scratch) -> None:
    rewrite(shelf, lambda text: "".join(line for line in text.splitlines(True) if "user 150\t" not in line))
    seen = restore(shelf, scratch)
    assert verdict_on(seen)[0] is Outcome.MISSED
    assert "public.users has 299 rows, 300 at the dump" in seen.notes["differences"]


def test_a_changed_dump_with_the_same_rows_is_missed(shelf: Path, scratch: Scratch) -> None:
    dump = dump_on(shelf)
    dump.write_bytes(gzip.compress(gzip.decompress(dump.read_bytes()) + b"-- one more line\n"))
    outcome, reason = verdict_on(restore(shelf, scratch))
    assert outcome is Outcome.MISSED
    assert "not the one that its job wrote" in reason


def test_a_table_left_out_of_the_dump_is_missed(source: Scratch, shelf: Path, scratch: Scratch) -> None:
    whole = ["pg_dump", "--exclude-table=notes", _login(source, DATABASE)]
    text = subprocess.run(whole, capture_output=True, check=True).stdout.decode()
    rewrite(shelf, lambda _: text)
    seen = restore(shelf, scratch)
    assert verdict_on(seen)[0] is Outcome.MISSED
    assert "table public.notes did not come back" in seen.notes["differences"]


def test_a_lost_marker_table_is_missed(source: Scratch, shelf: Path, scratch: Scratch) -> None:
    whole = ["pg_dump", "--exclude-table=backup_markers", _login(source, DATABASE)]
    text = subprocess.run(whole, capture_output=True, check=True).stdout.decode()
    rewrite(shelf, lambda _: text)
    assert verdict_on(restore(shelf, scratch))[0] is Outcome.MISSED


def test_a_table_that_nobody_backed_up_is_missed(shelf: Path, scratch: Scratch) -> None:
    end = "--\n-- PostgreSQL database dump complete"
    rewrite(shelf, lambda text: text.replace(end, f"CREATE TABLE public.extra (n int);\n{end}"))
    seen = restore(shelf, scratch)
    assert verdict_on(seen)[0] is Outcome.MISSED
    assert "public.extra came back and was not there" in seen.notes["differences"]


def test_a_sequence_behind_its_column_is_missed(shelf: Path, scratch: Scratch) -> None:
    rewrite(
        shelf,
        lambda text: text.replace("setval('public.users_id_seq', 300,", "setval('public.users_id_seq', 7,"),
    )
    seen = restore(shelf, scratch)
    assert verdict_on(seen)[0] is Outcome.MISSED
    assert "users_id_seq stands at 7" in seen.notes["differences"]


def test_the_dump_of_another_database_is_missed(source: Scratch, scratch: Scratch) -> None:
    source.sql("postgres", "DROP DATABASE IF EXISTS other;\nCREATE DATABASE other TEMPLATE template0")
    source.sql("other", SCHEMA.replace("300", "20"))
    with ground() as shelf:
        backup.back_up(_login(source, "other"), shelf, datetime.now(UTC))
        outcome, reason = verdict_on(restore(shelf, scratch))
    assert outcome is Outcome.MISSED
    assert "database other, not aic_aipaas" in reason


def test_the_manifest_of_another_dump_is_missed(shelf: Path, scratch: Scratch) -> None:
    amend(shelf, dump="backup_20200101_000000.sql.gz")
    assert verdict_on(restore(shelf, scratch))[0] is Outcome.MISSED


def test_an_error_inside_the_dump_is_missed_and_told(shelf: Path, scratch: Scratch) -> None:
    rewrite(shelf, lambda text: text.replace("CREATE TABLE public.notes", "CREATE TABEL public.notes"))
    outcome, reason = verdict_on(restore(shelf, scratch))
    assert outcome is Outcome.MISSED
    assert 'syntax error at or near "TABEL" (42601)' in reason


def test_a_tampered_manifest_is_missed(shelf: Path, scratch: Scratch) -> None:
    tables = json.loads(manifest_on(shelf).read_text())["tables"]
    amend(shelf, tables=tables | {"public.users": {"rows": 300, "digest": "1"}})
    assert verdict_on(restore(shelf, scratch))[0] is Outcome.MISSED


def test_an_artefact_older_than_the_promised_rpo_is_missed(shelf: Path, scratch: Scratch) -> None:
    outcome, reason = verdict_on(restore(shelf, scratch, later=timedelta(hours=2)))
    assert outcome is Outcome.MISSED
    assert "of writes" in reason


def test_an_empty_manifest_proves_nothing(shelf: Path, scratch: Scratch) -> None:
    amend(shelf, tables={})
    with pytest.raises(NoEvidence, match="names no tables"):
        restore(shelf, scratch)


def test_a_broken_manifest_proves_nothing(shelf: Path, scratch: Scratch) -> None:
    plain = gzip.decompress(dump_on(shelf).read_bytes()).decode()
    without_roles = [line for line in plain.splitlines(True) if "OWNER TO" not in line]
    dump_on(shelf).write_bytes(gzip.compress("".join(without_roles).encode()))
    manifest_on(shelf).write_text("{")
    with pytest.raises(NoEvidence, match="its manifest cannot be read"):
        restore(shelf, scratch)


def test_a_dump_without_manifest_proves_nothing(source: Scratch, scratch: Scratch) -> None:
    with ground() as shelf:
        plain = ["pg_dump", "--no-owner", "--no-acl", _login(source, DATABASE)]
        text = subprocess.run(plain, capture_output=True, check=True).stdout
        (shelf / "backup_1.sql.gz").write_bytes(gzip.compress(text))
        with pytest.raises(NoEvidence, match="no manifest beside it says what the source held"):
            restore(shelf, scratch)


def test_an_empty_archive_without_manifest_is_missed(scratch: Scratch) -> None:
    with ground() as shelf:
        (shelf / "backup_1.sql.gz").write_bytes(gzip.compress(b""))
        assert verdict_on(restore(shelf, scratch))[0] is Outcome.MISSED


def test_no_artefact_proves_nothing(scratch: Scratch) -> None:
    with ground() as shelf, pytest.raises(NoEvidence, match="no backup in"):
        restore(shelf, scratch)


def test_a_directory_that_is_not_there_proves_nothing(scratch: Scratch) -> None:
    with pytest.raises(NoEvidence):
        restore(Path("/nonexistent"), scratch)


def test_without_a_marker_row_nobody_can_say_what_was_lost(shelf: Path, scratch: Scratch) -> None:
    with pytest.raises(NoEvidence, match="no marker row came back"):
        rehearse(order_from(shelf, markers="SELECT NULL::timestamptz"), scratch)


def test_the_runbooks_command_over_live_tables_restores_nothing(shelf: Path, scratch: Scratch) -> None:
    command = "kubectl exec -i postgresql-0 -n data-services -- psql -U postgres aic_aipaas < backup.sql"
    seen = defect(PROMISE, command, undergo(scratch, order_from(shelf), command))
    assert seen.shown, seen
    assert seen.facts["literal_exit_code"] == 0
    assert seen.facts["corrupted_rows_after_literal"] == seen.facts["corrupted_rows"] == 300
    assert seen.facts["keyless_rows_after_literal"] == 20


def test_a_command_that_does_restore_shows_no_defect(shelf: Path, scratch: Scratch) -> None:
    ordeal = undergo(scratch, order_from(shelf), "psql -U postgres aic_aipaas < backup.sql")
    assert not defect(PROMISE, "", replace(ordeal, after_literal=ordeal.after_mended)).shown
