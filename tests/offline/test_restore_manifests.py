"""Without a manifest that fits, and a marker that survived, a restore proves nothing."""

import gzip
import json
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from backup_ground import (
    DATABASE,
    SCHEMA,
    amend,
    back_up,
    dump_on,
    login,
    manifest_on,
    order_from,
    restore,
    verdict_on,
)
from local_postgres import ground, needs_postgresql

from rundrill.errors import NoEvidence
from rundrill.restore.rehearsal import rehearse
from rundrill.restore.scratch import Scratch
from rundrill.verdict import Outcome

pytestmark = [pytest.mark.slow, needs_postgresql]


def test_the_dump_of_another_database_is_missed(source: Scratch, scratch: Scratch) -> None:
    source.sql("postgres", "DROP DATABASE IF EXISTS other;\nCREATE DATABASE other TEMPLATE template0")
    source.sql("other", SCHEMA.replace("300", "20"))
    with ground() as shelf:
        back_up(source, "other", shelf)
        outcome, reason = verdict_on(restore(shelf, scratch))
    assert outcome is Outcome.MISSED
    assert "database other, not aic_aipaas" in reason


def test_the_manifest_of_another_dump_is_missed(shelf: Path, scratch: Scratch) -> None:
    amend(shelf, dump="backup_20200101_000000.sql.gz")
    assert verdict_on(restore(shelf, scratch))[0] is Outcome.MISSED


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
        plain = ["pg_dump", "--no-owner", "--no-acl", login(source, DATABASE)]
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


def test_a_table_that_only_the_source_has_is_told(shelf: Path, scratch: Scratch) -> None:
    order = replace(order_from(shelf), source_tables=frozenset({"public.users", "public.forgotten"}))
    assert rehearse(order, scratch).notes["not in the backup"].startswith("public.forgotten: ")
