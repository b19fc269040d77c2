"""The undo as an activity of an experiment: in its method once the page has come, and again in its rollbacks."""

from datetime import UTC, datetime

from rundrill import child, hops, ledger


def undo_all() -> list[str]:
    """What was undone and how that was shown, one line a fault; empty where nothing was open."""
    session, drill = child.session(), child.directory()
    mine = ledger.of_experiment(session.run, child.experiment())
    if any(map(mine, ledger.open_entries(session))):
        hops.note(drill, hops.UNDOING, datetime.now(UTC), "ledger")
    undone = ledger.undo_all(session, mine)
    for entry in undone:
        hops.note(drill, "undone", datetime.now(UTC), "ledger", entry.proof or "")
    return [str(entry) for entry in undone]
