"""The first words that a drill keeps of a fault or of a procedure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rundrill import child, hops
from rundrill.session import Session


def began(says: str, source: str, procedure: bool) -> None:
    """Noted that it was injected; a procedure counts as proven with its first step, a fault is for its experiment to prove."""
    now, drill = datetime.now(UTC), child.directory()
    hops.note(drill, "injected", now, source, says)
    if procedure:
        hops.note(drill, hops.PROCEDURE, now, source)
        hops.note(drill, "fault_proven", now, source, says)


def place(configuration: Mapping[str, Any], namespace: str) -> tuple[Session, str]:
    """The session, and the target's name of the runbook's namespace."""
    session = child.session()
    return session, session.namespace(str(configuration["runbook"]), namespace)
