"""A restore promise measured: newest artefact, scratch server beside it, content compared, times taken."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from rundrill.errors import TargetError
from rundrill.evidence import Evidence, Raw, RestoreSeen
from rundrill.promise import Promise
from rundrill.restore.artefact import Artefact, newest
from rundrill.restore.backup import place_of
from rundrill.restore.claim import Mount, Server, directory_in, find_mount, find_server, mount_path, shell_at
from rundrill.restore.pod import scratch_pod
from rundrill.restore.rehearsal import Order, Stopwatch, rehearse
from rundrill.restore.scratch import Scratch, await_server, prove_isolated
from rundrill.restore.shelf import look
from rundrill.restore.shell import Shell
from rundrill.session import Session
from rundrill.target import BackupPlace

_SOURCE = r"""
SELECT (SELECT system_identifier::text FROM pg_control_system()) AS identifier,
       (SELECT array_agg(nspname || '.' || relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
        WHERE relkind = 'r' AND nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                          AND d.deptype = 'e')) AS tables
"""


@dataclass(frozen=True)
class Ground:
    """All that a restore needs to know of the target before it begins."""

    place: BackupPlace
    database: str
    server: Server
    mount: Mount | None
    source_identifier: str
    source_tables: frozenset[str]
    """Those of now, which may be more than those of the dump."""


def measure_restore(promise: Promise, session: Session) -> Evidence:
    """What came of restoring the newest artefact into a scratch server that is gone afterwards.

    Promises about the same backup share one restore, and each its own verdict.
    """
    slug = session.slug(promise)
    place = place_of(promise, session.policy, session.platform(slug), session)
    taken_at, seen, raw = session.cached(
        ("restore", slug, place.claim, place.pattern), lambda: _restore(place, slug, session)
    )
    return Evidence(promise.id, "restore", taken_at, seen, (raw,))


def _restore(place: BackupPlace, slug: str, session: Session) -> tuple[datetime, RestoreSeen, Raw]:
    watch = Stopwatch()
    with started(place, slug, session, watch) as (scratch, order):
        seen = rehearse(order, scratch)
    return datetime.now(UTC), seen, _raw(place, order.artefact, seen)


@contextmanager
def started(
    place: BackupPlace, slug: str, session: Session, watch: Stopwatch
) -> Iterator[tuple[Scratch, Order]]:
    """A scratch server that is proven to be nobody else's, and the artefact to restore into it."""
    with watch.lap("look around"):
        ground = survey(place, slug, session)
        # Looked at before a pod exists where somebody mounts the claim: nothing is started for an empty shelf.
        early = _look(ground, shell_at(session.kube, place, ground.mount)) if ground.mount else None
    with ExitStack() as kept:
        with watch.lap("scratch pod"):
            scratch = kept.enter_context(scratch_pod(session.kube, place, ground.server, ground.mount))
        with watch.lap("start server"):
            await_server(scratch)
            prove_isolated(scratch, ground.source_identifier)
        artefact, now = early or _look(ground, scratch.shell)
        yield scratch, Order(artefact, now, ground.database, place.markers, watch, ground.source_tables)


def survey(place: BackupPlace, slug: str, session: Session) -> Ground:
    """Where the backup lies, whose it is, and what a scratch server is to look like."""
    address = session.platform(slug).postgres.get(place.source)
    if address is None or address.database is None:
        raise TargetError(
            f"{session.target.url}: slo.yaml names no database for backup source {place.source!r}"
        )
    rows = session.postgres(slug, place.source).rows(_SOURCE)
    server = find_server(session.kube, address)
    source = rows[0]
    mount = find_mount(session.kube, place)
    tables = frozenset(source["tables"] or ())
    return Ground(place, address.database, server, mount, source["identifier"], tables)


def _look(ground: Ground, shell: Shell) -> tuple[Artefact, datetime]:
    """The artefact to restore, and the time of day where it lies."""
    place = ground.place
    directory = directory_in(place, mount_path(place, ground.mount))
    shelf = look(shell, directory, place.pattern)
    return newest(shelf, f"claim {place.namespace}/{place.claim}, {directory}/{place.pattern}"), shelf.now


def _raw(place: BackupPlace, artefact: Artefact, seen: RestoreSeen) -> Raw:
    asked = f"restore {artefact.path} of claim {place.namespace}/{place.claim} into a scratch server"
    manifest = artefact.manifest.model_dump(mode="json") if artefact.manifest else artefact.unreadable
    restored = {table.subject: dict(table.facts) for table in seen.tables}
    answer = {"manifest": manifest, "tables": restored, "failure": seen.failure, "notes": dict(seen.notes)}
    return Raw("restore", asked, answer, datetime.now(UTC))
