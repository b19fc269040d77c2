"""The stand-in for the person on call keeps the books of an outage, and the worker tells the memory of its processes."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import app_sources  # noqa: F401 # makes `services` importable
import pytest
from services.readiness import outages
from services.readiness.outages import Outages
from services.readiness.processes import memory_by_command


class Books:
    """Statements as they were written down, and the one incident that may be open."""

    def __init__(self, maintenance: bool = False) -> None:
        self.maintenance = maintenance
        self.open_ones: list[int] = []
        self.written: list[tuple[object, ...]] = []

    async def write(self, sql: str, *values: object) -> list[dict[str, Any]]:
        self.written.append((sql.split()[0], *values))
        if sql == outages._UNDER_WAY:
            return [{"id": number} for number in self.open_ones]
        if sql == outages._MAINTENANCE:
            return [{"is_on": self.maintenance}]
        if sql == outages._OPEN:
            self.open_ones.append(7)
            return [{"id": 7}]
        if sql == outages._OVER:
            self.open_ones.remove(int(str(values[0])))
        return []

    def stages(self) -> list[object]:
        return [line[2] for line in self.written if line[0] == "INSERT" and len(line) == 4]


def look(books: Books, *well: bool) -> None:
    looks = iter(well)

    async def found() -> list[SimpleNamespace]:
        one = next(looks)
        return [SimpleNamespace(part="application", well=one, seen="answers 200" if one else "answers 503")]

    async def ready(_: str) -> float:
        return 0.0

    async def watch() -> None:
        watching = Outages(books, found, ready)  # type: ignore[arg-type]
        for _ in well:
            await watching.watch()

    asyncio.run(watch())


def test_one_bad_look_opens_no_incident() -> None:
    books = Books()
    look(books, False, True, False)
    assert not books.open_ones


def test_an_outage_is_opened_told_and_looked_into() -> None:
    books = Books()
    look(books, False, False)
    assert books.open_ones == [7]
    assert books.stages() == ["assessed", "investigated"]


def test_nobody_opens_an_incident_while_maintenance_is_on() -> None:
    books = Books(maintenance=True)
    look(books, False, False, False)
    assert not books.open_ones


def test_an_outage_ends_only_after_two_good_looks() -> None:
    books = Books()
    look(books, False, False, True)
    assert books.open_ones == [7]
    look(books, True, True)
    assert not books.open_ones


def test_memory_is_told_for_each_command_line(tmp_path: Path) -> None:
    for pid, words, pages in (
        ("1", b"python3\0-m\0services\0", 100),
        ("7", b"leaking-job\0-c\0x", 50),
        ("8", b"leaking-job\0-c\0x", 30),
    ):
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "cmdline").write_bytes(words)
        (tmp_path / pid / "statm").write_text(f"999 {pages} 1 1 0 1 0")
    (tmp_path / "9").mkdir()
    told = memory_by_command(tmp_path)
    assert told["leaking-job -c x"] == pytest.approx(told["python3 -m services"] * 0.8)
    assert len(told) == 2
