"""Rows of a database are written as a person or a wrong program writes them, and taken back by statements of their own."""

from collections.abc import Mapping
from typing import Any

from rundrill import child, guard
from rundrill.errors import TargetError, UndoError
from rundrill.faults.begin import began
from rundrill.gateway.postgres import DatabaseError
from rundrill.session import Session


def preview(runbook: str, says: str) -> guard.Preview:
    """What is written, in the experiment's own words."""
    return guard.Preview("write rows", None, f"{runbook}: {says}", (says,), 1)


def write(
    says: str, begin: str, end: str, left: str, configuration: Mapping[str, Any], procedure: bool = False
) -> str:
    """What was written, in the experiment's own words.

    `end` must be harmless where `begin` never ran; `left` counts what is still there after it (its one column), as the reader.
    """
    session, runbook = child.session(), str(configuration["runbook"])
    guard.allow_database(session, runbook, preview(runbook, says))
    if count := _count(session, runbook, left):
        raise TargetError(f"{runbook}: {count} such rows are there already")
    with child.injecting("rows", {"runbook": runbook, "end": end, "left": left}):
        began(says, "postgres", procedure)
        _execute(session, runbook, begin)
    return f"{says}: {_count(session, runbook, left)}"


def more(says: str, sql: str, configuration: Mapping[str, Any]) -> str:
    """What was written on, into rows that an earlier step made and will take back."""
    session, runbook = child.session(), str(configuration["runbook"])
    guard.allow_database(session, runbook, preview(runbook, says))
    _execute(session, runbook, sql)
    return says


def undo(session: Session, undo: Mapping[str, Any]) -> str:
    """What shows that none of the rows is left."""
    runbook = str(undo["runbook"])
    _execute(session, runbook, str(undo["end"]))
    if count := _count(session, runbook, str(undo["left"])):
        raise UndoError(f"{runbook}: {count} of the rows are still there")
    return f"{runbook}: none of the rows is left"


def _execute(session: Session, runbook: str, sql: str) -> None:
    try:
        with session.postgres(runbook, "driller").connect() as connection:
            # The experiment's own words, as its author wrote them.
            connection.execute(sql)
    except DatabaseError as error:
        raise TargetError(f"PostgreSQL refuses the statement: {' '.join(str(error).split())[:300]}") from None


def _count(session: Session, runbook: str, sql: str) -> int:
    """Asked as the reader, who did not change it."""
    return int(next(iter(session.postgres(runbook).rows(sql)[0].values())))
