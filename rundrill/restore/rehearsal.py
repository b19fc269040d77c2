"""One restore from artefact to proven content, with the time that each part of it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rundrill.errors import NoEvidence
from rundrill.evidence import RestoreSeen
from rundrill.restore.artefact import Artefact, Manifest
from rundrill.restore.compare import compare_tables, differences, rows_compared
from rundrill.restore.content import Content, read_content
from rundrill.restore.load import load, unpack
from rundrill.restore.scratch import Scratch
from rundrill.restore.shelf import Soundness, inspect, sha256_matches


@dataclass
class Stopwatch:
    """Where the time goes, from the moment that the restore was asked for."""

    started: float = field(default_factory=time.monotonic)
    laps: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def lap(self, name: str) -> Iterator[None]:
        """Counts what happens inside under that name, also where it fails."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.laps[name] = self.laps.get(name, 0) + time.monotonic() - begun

    @property
    def so_far(self) -> timedelta:
        """The time since it was started."""
        return timedelta(seconds=time.monotonic() - self.started)

    @property
    def told(self) -> str:
        """All parts in their order, such as `scratch pod 2.1 s · load 0.8 s`."""
        return " · ".join(f"{name} {seconds:.1f} s" for name, seconds in self.laps.items())


@dataclass(frozen=True)
class Order:
    """What is to be restored, and since when somebody waits for it."""

    artefact: Artefact
    asked_at: datetime
    """By the clock where the backup lies, as the markers are."""
    database: str
    """The database that the policy says is backed up."""
    markers: str
    """SQL for the newest marker's time."""
    watch: Stopwatch
    source_tables: frozenset[str] = frozenset()
    """What the source has now; tables may have been made since the dump."""


def rehearse(order: Order, scratch: Scratch) -> RestoreSeen:
    """What came of restoring the artefact; NoEvidence where it came back and nothing says what it should hold."""
    artefact, manifest, watch = order.artefact, order.artefact.manifest, order.watch
    with watch.lap("check archive"):
        soundness = inspect(scratch.shell, artefact)
    if soundness.complaint:
        return failed(order, soundness.complaint)
    with watch.lap("unpack"):
        dump = unpack(scratch, artefact)
    with watch.lap("load"):
        complaint = load(scratch, dump, order.database, manifest.roles if manifest else None)
    if complaint:
        return failed(order, complaint)
    with watch.lap("compare"):
        content = read_content(scratch, order.database, manifest, order.markers)
    if manifest is None or not manifest.tables:
        raise NoEvidence(_nothing_to_compare(artefact))
    return _seen(order, manifest, content, soundness)


def failed(order: Order, failure: str) -> RestoreSeen:
    """A restore that was tried and broke: the age of the artefact is the least that was lost."""
    artefact = order.artefact
    return RestoreSeen(
        artefact=artefact.name,
        taken_at=artefact.taken_at,
        size_bytes=artefact.size,
        rto=order.watch.so_far,
        rpo=order.asked_at - artefact.taken_at,
        rows_compared=0,
        tables=(),
        content_equal=False,
        notes={"failed": failure, "time": order.watch.told},
        failure=failure,
    )


def _seen(order: Order, manifest: Manifest, content: Content, soundness: Soundness) -> RestoreSeen:
    artefact = order.artefact
    found = differences(manifest, content)
    return RestoreSeen(
        artefact=artefact.name,
        taken_at=manifest.snapshot_at,
        size_bytes=artefact.size,
        rto=order.watch.so_far,
        rpo=order.asked_at - _survived(order, content, found),
        rows_compared=rows_compared(manifest.tables, content.tables),
        tables=compare_tables(manifest.tables, content.tables),
        content_equal=not found,
        notes=_notes(found, manifest, content, order),
        failure=_mismatch(order, manifest, soundness, found),
    )


def _survived(order: Order, content: Content, found: tuple[str, ...]) -> datetime:
    """The newest marker that came back; where other content is missing too, the dump's own time is the best that is left."""
    if content.last_marker is None and not found:
        raise NoEvidence(f"{order.artefact.name}: no marker row came back, so nobody can say what was lost")
    return content.last_marker or order.artefact.taken_at


def _mismatch(order: Order, manifest: Manifest, soundness: Soundness, found: tuple[str, ...]) -> str | None:
    """What shows that this is not the dump it should be, and what it changes; None where it is the right one."""
    if manifest.dump != order.artefact.name:
        wrong = f"the manifest is of {manifest.dump}"
    elif manifest.database != order.database:
        wrong = f"the dump is of database {manifest.database}, not {order.database}"
    elif not sha256_matches(manifest, soundness):
        sums = f"sha256 {soundness.sha256[:12]}…, not {manifest.sha256[:12]}…"
        wrong = f"the dump is not the one that its job wrote: {sums}"
    else:
        return None
    return "; ".join((wrong, *found[:3]))


def _notes(found: tuple[str, ...], manifest: Manifest, content: Content, order: Order) -> dict[str, str]:
    notes = {
        "time": order.watch.told,
        "schema": f"{len(content.tables)} tables, {content.indexes} indexes, {content.constraints} constraints,"
        f" {len(content.sequences)} sequences none of which may stand behind its column",
        "last marker": str(content.last_marker),
    }
    unknown = sorted(order.source_tables - manifest.tables.keys())
    if unknown:
        notes["not in the backup"] = f"{', '.join(unknown)}: made since, or left out"
    if found:
        notes["differences"] = "; ".join(found)
    if (
        manifest.last_marker
        and content.last_marker
        and _apart(manifest.last_marker.written_at, content.last_marker)
    ):
        notes["marker"] = f"the manifest saw a marker of {manifest.last_marker.written_at}"
    return notes


def _apart(one: datetime, other: datetime) -> bool:
    return abs(one - other) > timedelta(milliseconds=1)


def _nothing_to_compare(artefact: Artefact) -> str:
    if artefact.unreadable:
        return f"{artefact.name} restores, and its manifest cannot be read: {artefact.unreadable}"
    if artefact.manifest:
        return f"{artefact.name} restores, and its manifest names no tables"
    return f"{artefact.name} restores, and no manifest beside it says what the source held"
