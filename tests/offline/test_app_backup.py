"""The backup job leaves finished artefacts or none, and forgets the oldest."""

import json
from pathlib import Path

import app_sources  # noqa: F401 # makes `services` importable
import pytest
from services import backup


def test_a_dump_is_published_with_its_description_beside_it(tmp_path: Path) -> None:
    partial = tmp_path / ".backup_20260101_000000.sql.gz.partial"
    partial.write_bytes(b"dump")
    final = backup.publish(partial, tmp_path / "backup_20260101_000000.sql.gz", {"format": 1})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["backup_20260101_000000.json", final.name]
    assert json.loads((tmp_path / "backup_20260101_000000.json").read_text()) == {"format": 1}


def test_the_newest_seven_are_kept_with_their_descriptions(tmp_path: Path) -> None:
    for hour in range(9):
        for suffix in (".sql.gz", ".json"):
            (tmp_path / f"backup_20260101_{hour:02}0000{suffix}").touch()
    gone = backup.forget_old(tmp_path)
    assert gone == ["backup_20260101_000000.sql.gz", "backup_20260101_010000.sql.gz"]
    assert len(list(tmp_path.iterdir())) == 14


def test_the_newest_of_each_of_seven_days_is_kept_too(tmp_path: Path) -> None:
    days = [f"202601{day:02}" for day in (1, 10, 11, 12, 13, 14, 15)]
    for stamp in [*(f"{day}_{hour:02}0000" for day in days for hour in (1, 2)), "20260116_010000"]:
        (tmp_path / f"backup_{stamp}.sql.gz").touch()
    gone = backup.forget_old(tmp_path, keep=7)
    kept = {path.name[7:15] for path in tmp_path.iterdir()}
    assert kept == set(days[1:]) | {"20260116"}
    assert "backup_20260110_010000.sql.gz" in gone


@pytest.mark.parametrize(
    ("program", "says"),
    [
        pytest.param("echo half a dump; exit 1", "ended with 1", id="pg_dump fails"),
        pytest.param("echo half a dump", "completion line", id="pg_dump stops early without a word"),
    ],
)
def test_a_dump_that_is_not_whole_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, says: str
) -> None:
    fake = tmp_path / "pg_dump"
    fake.write_text(f"#!/bin/sh\n{program}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(RuntimeError, match=says):
        backup.dump("host=nowhere password=secret", "snapshot", tmp_path / "dump.gz")


def test_the_password_is_not_among_the_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "pg_dump"
    fake.write_text('#!/bin/sh\necho "$@" > "$0.args"\necho "-- PostgreSQL database dump complete"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    backup.dump("host=nowhere user=u password=secret", "snapshot", tmp_path / "dump.gz")
    assert "secret" not in (tmp_path / "pg_dump.args").read_text()
