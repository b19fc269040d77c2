"""A dump that would not bring the data back is never MET, however good it looks."""

import gzip
import subprocess
from pathlib import Path

import pytest
from backup_ground import DATABASE, dump_on, login, restore, rewrite, verdict_on
from local_postgres import needs_postgresql

from rundrill.restore.scratch import Scratch
from rundrill.verdict import Outcome

pytestmark = [pytest.mark.slow, needs_postgresql]


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
    whole = ["pg_dump", "--exclude-table=notes", login(source, DATABASE)]
    text = subprocess.run(whole, capture_output=True, check=True).stdout.decode()
    rewrite(shelf, lambda _: text)
    seen = restore(shelf, scratch)
    assert verdict_on(seen)[0] is Outcome.MISSED
    assert "table public.notes did not come back" in seen.notes["differences"]


def test_a_lost_marker_table_is_missed(source: Scratch, shelf: Path, scratch: Scratch) -> None:
    whole = ["pg_dump", "--exclude-table=backup_markers", login(source, DATABASE)]
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


def test_an_error_inside_the_dump_is_missed_and_told(shelf: Path, scratch: Scratch) -> None:
    rewrite(shelf, lambda text: text.replace("CREATE TABLE public.notes", "CREATE TABEL public.notes"))
    outcome, reason = verdict_on(restore(shelf, scratch))
    assert outcome is Outcome.MISSED
    assert 'syntax error at or near "TABEL" (42601)' in reason
