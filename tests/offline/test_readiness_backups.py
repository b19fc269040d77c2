"""The restore test of ai-data-readiness refuses what is old, of tomorrow, damaged or missing."""

import gzip
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import app_sources  # noqa: F401 # makes `services` importable
import pytest
from services.readiness.backup_shelf import Unfit, fresh, newest_archive, newest_dump
from services.readiness.database_backup import lead_to
from services.readiness.file_backup import archive, checksum
from services.readiness.restored import compare_files, unpack

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def shelf(folder: Path, taken: datetime = NOW - timedelta(hours=1)) -> Path:
    """A dump of that time with its description, and the link that leads to it."""
    dump = folder / "backup_20260601_110000.sql.gz"
    dump.write_bytes(gzip.compress(b"CREATE TABLE datasets ();\n" * 1000))
    described = {
        "snapshot_at": taken.isoformat(),
        "sha256": checksum(dump),
        "tables": {"public.datasets": {"rows": 0, "digest": "0"}},
    }
    dump.with_name("backup_20260601_110000.json").write_text(json.dumps(described))
    lead_to(dump)
    for path in (dump, folder / "latest.sql.gz"):
        os.utime(path, (taken.timestamp(), taken.timestamp()), follow_symlinks=False)
    return dump


def test_a_sound_dump_of_today_is_taken(tmp_path: Path) -> None:
    assert newest_dump(shelf(tmp_path).parent, NOW).tables == {"public.datasets": (0, "0")}


@pytest.mark.parametrize(
    ("age", "refused"),
    [
        pytest.param(timedelta(hours=23, minutes=59), False, id="a minute short of a day is fresh"),
        pytest.param(timedelta(hours=24, minutes=1), True, id="a minute over a day is old"),
        pytest.param(-timedelta(minutes=1), True, id="a minute from now is refused"),
    ],
)
def test_fresh_is_less_than_a_day_and_not_of_the_future(age: timedelta, refused: bool) -> None:
    if refused:
        with pytest.raises(Unfit):
            fresh("the file", NOW - age, NOW)
    else:
        fresh("the file", NOW - age, NOW)


def test_a_new_link_to_an_old_dump_is_refused(tmp_path: Path) -> None:
    shelf(tmp_path, NOW - timedelta(days=10))
    os.utime(tmp_path / "latest.sql.gz", (NOW.timestamp(), NOW.timestamp()), follow_symlinks=False)
    with pytest.raises(Unfit, match="the file is 240"):
        newest_dump(tmp_path, NOW)


def test_a_touched_dump_of_old_data_is_refused(tmp_path: Path) -> None:
    dump = shelf(tmp_path, NOW - timedelta(days=10))
    for path in (dump, tmp_path / "latest.sql.gz"):
        os.utime(path, (NOW.timestamp(), NOW.timestamp()), follow_symlinks=False)
    with pytest.raises(Unfit, match="its data is 240"):
        newest_dump(tmp_path, NOW)


def test_half_a_dump_is_refused(tmp_path: Path) -> None:
    dump = shelf(tmp_path)
    modified = dump.stat().st_mtime
    dump.write_bytes(dump.read_bytes()[: dump.stat().st_size // 2])
    os.utime(dump, (modified, modified))
    with pytest.raises(Unfit, match="damaged"):
        newest_dump(tmp_path, NOW)


def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    shelf(tmp_path).unlink()
    with pytest.raises(Unfit, match="missing"):
        newest_dump(tmp_path, NOW)


def test_an_archive_brings_back_every_file_and_no_draft(tmp_path: Path) -> None:
    uploads, backups, restored = (tmp_path / name for name in ("uploads", "backups", "restored"))
    backups.mkdir()
    for name in ("sources/a.csv", "outputs/b.csv", "work/draft.csv", "sources/.c.csv.1.partial"):
        path = uploads / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    archive(uploads, backups, NOW)
    made = newest_archive(backups, NOW)
    unpack(made.path, restored)
    assert {name: sums for name, (sums, _) in compare_files(restored).items()} == made.sums
    assert sorted(made.sums) == ["outputs/b.csv", "sources/a.csv"]


def test_a_changed_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "uploads" / "sources").mkdir(parents=True)
    made = archive(tmp_path / "uploads", tmp_path, NOW)
    made.write_bytes(made.read_bytes() + b"more")
    with pytest.raises(Unfit, match="checksum"):
        newest_archive(tmp_path, NOW)
