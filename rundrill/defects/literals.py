"""A runbook's defects, each shown by a measurement of its literal form beside the mended one."""

from collections.abc import Iterator
from datetime import timedelta

from rundrill.errors import NoEvidence, RundrillError
from rundrill.evidence import AlertSeen, Evidence
from rundrill.judge.hops import way_of
from rundrill.promise import Promise
from rundrill.promql import with_times
from rundrill.restore import knows, literal_restore
from rundrill.run import DefectSeen
from rundrill.session import Session
from rundrill.units import duration_text

STEP = timedelta(seconds=1)


def show_defects(promise: Promise, evidence: Evidence, session: Session) -> Iterator[DefectSeen]:
    """Every defect that this run of this promise can show; one that could not be looked at says so.

    A runbook's other commands have rows of their own, both forms in isolation (`show_rows`): no server is started for them.
    """
    if promise.restore:
        backup = session.policy.promise(promise.restore.backup)
        for one in dict.fromkeys((promise.id, backup.id)):
            yield from _shown(session.policy.promise(one), session, evidence)
    elif promise.state.probe.sql if promise.state else _can_be_shown(promise):
        yield from _shown(promise, session, evidence)


def _can_be_shown(promise: Promise) -> bool:
    literal = promise.literal
    return literal is not None and (literal.when is not None or knows(literal.command or ""))


def _shown(promise: Promise, session: Session, evidence: Evidence) -> Iterator[DefectSeen]:
    literal = promise.literal
    if literal is None:
        return
    try:
        if literal.when and isinstance(evidence.seen, AlertSeen) and evidence.seen.drill:
            yield _silent(promise, literal.when, evidence.seen, session)
        elif literal.command and promise.state and promise.state.probe.sql:
            yield _refused(promise, literal.command, session)
        elif literal.command:
            yield literal_restore(promise, session)
    except RundrillError as error:
        said = literal.command or literal.when or ""
        why = f"could not be looked at: {error}"
        yield DefectSeen(literal.defect, promise.id, said, why, promise.says, "not compared", shown=False)


def _silent(promise: Promise, when: str, seen: AlertSeen, session: Session) -> DefectSeen:
    """What the runbook's own condition said while the fault was there, at every second of it."""
    assert promise.literal and promise.alert and seen.drill
    way = way_of(seen.drill)
    start, end = way.at("fault_proven"), way.at("undone")
    if start is None or end is None:
        raise NoEvidence("the fault has no beginning or no end")
    query = with_times(when, session.profile.pace)
    server = session.prometheus(session.slug(promise))
    series = server.query_range(query, start, end, STEP.total_seconds())["data"]["result"]
    # Where its range looks back to before the fault, the first samples are of that time: they count all the same.
    true_for = max((len(one["values"]) for one in series), default=0) * STEP
    needed = seen.rule.for_ if seen.rule else timedelta(0)
    fired = way.after("firing")
    return DefectSeen(
        defect=promise.literal.defect,
        promise=promise.id,
        literal=when,
        literal_seen=f"held for {_length(true_for)} of the fault's {_length(end - start)}; it needs {_length(needed)} to fire",
        mended=promise.alert.when or "",
        mended_seen=f"fired after {_length(fired)}" if fired is not None else "never fired",
        shown=true_for < needed and fired is not None,
        facts={"held_s": true_for.total_seconds(), "fault_s": (end - start).total_seconds()},
    )


def _refused(promise: Promise, command: str, session: Session) -> DefectSeen:
    """What PostgreSQL says to the runbook's own query, in a read-only session."""
    assert promise.literal and promise.state and promise.state.probe.sql
    try:
        rows = session.postgres(session.slug(promise)).rows(command)
        seen = f"gave {len(rows)} rows"
        refused = False
    except NoEvidence as error:
        seen = str(error).partition(": ")[2].partition(" LINE ")[0]
        refused = "does not exist" in seen
    mended = session.postgres(session.slug(promise)).rows(promise.state.probe.sql.query)
    return DefectSeen(
        defect=promise.literal.defect,
        promise=promise.id,
        literal=command,
        literal_seen=seen,
        mended=promise.state.probe.sql.query,
        mended_seen=f"gave {len(mended)} rows",
        shown=refused and bool(mended),
    )


def _length(length: timedelta) -> str:
    return duration_text(timedelta(seconds=round(length.total_seconds(), 1)))
