"""The faults that are open, in the cluster itself: how to undo each stands there before anything changes.

An entry is a ConfigMap in the namespace `rundrill`. It is closed, not deleted, once the undo is proven: the last ones
stay, so that a game day knows since when the target has been left alone.
"""

import contextlib
import importlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, cast
from uuid import uuid4

from rundrill.errors import RundrillError, TargetError, UndoError
from rundrill.gateway.kubernetes import Conflict, Json, Kube, NotFound
from rundrill.session import Session

NAMESPACE = "rundrill"
STATE = "rundrill.dev/fault"
"""The label of an entry: open or closed."""
LASTS = timedelta(minutes=15)
"""After this long a fault should have been undone, whatever happened to its runner."""
KEPT = 20
"""Closed entries that stay."""
FAULTS = (
    "scale",
    "privilege",
    "lock",
    "restart",
    "drain",
    "change",
    "kill",
    "inside",
    "connections",
    "cache",
    "hand",
    "errand",
    "rows",
    "visit",
    "debug",
    "clone",
    "audit",
    "sweep",
    "secret_version",
    "rush",
    "rotate",
    "node",
    "dependency",
)


@dataclass(frozen=True)
class Of:
    """What a fault belongs to."""

    runbook: str = ""
    """The slug of the platform whose pulse it lives by; "" in entries of older versions, which named none."""
    experiment: str = ""
    alone: bool = False
    """Whether it disturbs more than its own platform."""

    def disturbs(self, platforms: Iterable[str]) -> bool:
        """Whether one of these platforms may be disturbed by it; of what names none, nobody knows."""
        return self.alone or not self.runbook or self.runbook in platforms


@dataclass(frozen=True)
class Entry:
    """One fault: what was done to the target, and what undoes it."""

    name: str
    fault: str
    """The module of rundrill.faults that can undo it."""
    undo: Mapping[str, Any]
    run: str
    opened: datetime
    deadline: datetime
    closed: datetime | None = None
    proof: str | None = None
    of: Of = Of()

    def __str__(self) -> str:
        state = f"undone at {self.closed:%H:%M:%S}: {self.proof}" if self.closed else "open"
        whose = f"{self.of.experiment} on {self.of.runbook}, " if self.of.runbook else ""
        return f"{self.name} ({whose}run {self.run}, since {self.opened:%H:%M:%S} UTC): {state}"


class Undoes(Protocol):
    """A module of rundrill.faults, as the ledger sees it."""

    def undo(self, session: Session, undo: Mapping[str, Any]) -> str:
        """What shows that the fault is gone; idempotent; UndoError where nothing shows it."""


def open_entry(session: Session, fault: str, undo: Mapping[str, Any], of: Of = Of()) -> Entry:
    """The entry, once it stands in the cluster; only then may the fault begin."""
    now = datetime.now(UTC)
    # A module may have an underscore in its name, a ConfigMap may not.
    name = f"{fault.replace('_', '-')}-{uuid4().hex[:8]}"
    entry = Entry(name, fault, undo, session.run, now, now + LASTS, of=of)
    ensure_namespace(session.kube)
    body = {"metadata": {"name": entry.name, "labels": {STATE: "open"}}, "data": _written(entry)}
    session.kube.create("v1/ConfigMap", NAMESPACE, body)
    return entry


def close_entry(session: Session, entry: Entry, proof: str) -> Entry:
    """The entry, closed with what showed that its fault is gone."""
    closed = replace(entry, closed=datetime.now(UTC), proof=proof)
    body = {"metadata": {"labels": {STATE: "closed"}}, "data": _written(closed)}
    session.kube.patch("v1/ConfigMap", NAMESPACE, entry.name, body)
    for old in _entries(session.kube, "closed")[KEPT:]:
        # Another run may clear away at the same moment.
        with contextlib.suppress(NotFound):
            session.kube.delete("v1/ConfigMap", NAMESPACE, old.name)
    return closed


def open_entries(session: Session) -> list[Entry]:
    """Faults that nobody has shown to be undone, newest first."""
    return _entries(session.kube, "open")


def is_open(session: Session, entry: Entry) -> bool:
    """Whether this entry is still open; one that is gone is not."""
    return any(one.name == entry.name for one in open_entries(session))


def last_closed(session: Session) -> datetime | None:
    """When the last fault on this target was undone; None where none is remembered."""
    return max((e.closed for e in _entries(session.kube, "closed") if e.closed), default=None)


def refuse_while_open(session: Session, platforms: Iterable[str], underway: Iterable[str] = ()) -> None:
    """TargetError where a fault is still in place that disturbs one of these platforms.

    Those of this run's own experiments that are `underway` beside are no reason.
    """
    disturbed, beside = frozenset(platforms), frozenset(underway)
    in_the_way = [
        entry
        for entry in open_entries(session)
        if entry.of.disturbs(disturbed) and not (entry.run == session.run and entry.of.experiment in beside)
    ]
    if in_the_way:
        names = "; ".join(str(entry) for entry in in_the_way)
        raise TargetError(f"the ledger holds {names}: undo it with `rundrill recover` first")


def undo_all(session: Session, mine: Callable[[Entry], bool] = lambda entry: True) -> list[Entry]:
    """Every open entry that is `mine`, undone, proven and closed; nothing to do is fine. UndoError names what is left."""
    undone, failed = [], []
    for entry in filter(mine, open_entries(session)):
        try:
            undone.append(undo(session, entry))
        except RundrillError as error:
            failed.append(f"{entry.name}: {error}")
    if failed:
        raise UndoError("; ".join(failed))
    return undone


def of_experiment(run: str, experiment: str) -> Callable[[Entry], bool]:
    """Picks the entries of one experiment of one run: what others opened beside it is theirs to undo."""
    return lambda entry: entry.run == run and entry.of.experiment == experiment


def undo(session: Session, entry: Entry, by: str | None = None) -> Entry:
    """The entry, undone, proven and closed; `by` says who did it where it was not the run itself."""
    proof = _module(entry.fault).undo(session, entry.undo)
    return close_entry(session, entry, f"{proof} ({by})" if by else proof)


def _module(fault: str) -> Undoes:
    """By name, since the faults write into the ledger and it must not know them."""
    if fault not in FAULTS:
        raise UndoError(f"the ledger names a fault {fault!r} that this version cannot undo")
    return cast(Undoes, importlib.import_module(f"rundrill.faults.{fault}"))


def ensure_namespace(kube: Kube) -> None:
    """The namespace of entries, Lease and undoers is there."""
    try:
        kube.one("v1/Namespace", None, NAMESPACE)
    except NotFound:
        try:
            kube.create("v1/Namespace", None, {"metadata": {"name": NAMESPACE}})
        except Conflict:
            return


def _entries(kube: Kube, state: str) -> list[Entry]:
    found = [_read(one) for one in kube.items("v1/ConfigMap", NAMESPACE, f"{STATE}={state}")]
    return sorted(found, key=lambda entry: entry.closed or entry.opened, reverse=True)


def _written(entry: Entry) -> dict[str, str]:
    times = {"opened": entry.opened, "deadline": entry.deadline, "closed": entry.closed}
    words = {
        "fault": entry.fault,
        "run": entry.run,
        "undo": json.dumps(dict(entry.undo)),
        "proof": entry.proof,
        "runbook": entry.of.runbook or None,
        "experiment": entry.of.experiment or None,
        "alone": "true" if entry.of.alone else None,
    }
    written = words | {name: time.isoformat() if time else None for name, time in times.items()}
    return {name: said for name, said in written.items() if said is not None}


def _read(body: Json) -> Entry:
    data, name = body["data"], str(body["metadata"]["name"])
    try:
        return Entry(
            name,
            data["fault"],
            json.loads(data["undo"]),
            data["run"],
            datetime.fromisoformat(data["opened"]),
            datetime.fromisoformat(data["deadline"]),
            datetime.fromisoformat(data["closed"]) if "closed" in data else None,
            data.get("proof"),
            Of(data.get("runbook", ""), data.get("experiment", ""), data.get("alone") == "true"),
        )
    except (KeyError, ValueError) as error:
        raise TargetError(f"ConfigMap {NAMESPACE}/{name} is no entry of the ledger: {error!r}") from None
