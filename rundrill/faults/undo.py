"""The undo as an activity of an experiment: in its method once the page has come, and again in its rollbacks."""

import importlib
from datetime import UTC, datetime

from rundrill import child, hops, ledger
from rundrill.errors import TargetError
from rundrill.ledger import Entry
from rundrill.session import Session


def undo_all() -> list[str]:
    """What was undone and how that was shown, one line a fault; empty where nothing was open."""
    session, drill = child.session(), child.directory()
    mine = ledger.of_experiment(session.run, child.experiment())
    standing = list(filter(mine, ledger.open_entries(session)))
    # What never bit cannot have been taken back, whatever is to be seen of it now.
    proven = hops.reached(drill, "fault_proven") is not None
    for entry in standing if proven else ():
        if why := _lapsed(session, entry):
            hops.note(drill, hops.LAPSED, datetime.now(UTC), "node", why)
    if standing:
        hops.note(drill, hops.UNDOING, datetime.now(UTC), "ledger")
    undone = ledger.undo_all(session, mine)
    for entry in undone:
        hops.note(drill, "undone", datetime.now(UTC), "ledger", entry.proof or "")
    return [str(entry) for entry in undone]


def _lapsed(session: Session, entry: Entry) -> str | None:
    """Why a fault that should have lasted did not; None where it did, or where its kind cannot tell."""
    look = getattr(importlib.import_module(f"rundrill.faults.{entry.fault}"), "lapsed", None)
    try:
        return look(session, entry.undo) if look else None
    except TargetError as error:
        return f"nobody could see whether it lasted: {error}"
