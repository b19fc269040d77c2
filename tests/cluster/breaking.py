"""What every platform's breakages need: all its states asked at once, and asked again until they are as expected."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

from rundrill.errors import RundrillError
from rundrill.judge import judge
from rundrill.measure import measure
from rundrill.promise import Promise
from rundrill.session import Session
from rundrill.verdict import Outcome, Verdict
from rundrill.waiting import until

AT_ONCE = 8
BOOKS = {"operators", "history"}
"""What a drill cluster's platforms only have invented: no evidence, and good enough to see a check go red."""


def states(session: Session, slug: str) -> list[Promise]:
    """Every state of a runbook that this cluster can be asked now; what rests on earlier runs is no matter of the platform."""
    return [
        p
        for p in session.policy.runbook(slug).promises
        if p.state and set(p.needs) <= BOOKS and p.state.probe.word not in ("verdict", "commit")
    ]


def verdicts(session: Session, promises: list[Promise]) -> dict[str, Verdict]:
    """What each comes to now."""
    session.forget()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {v.promise: v for v in pool.map(partial(_verdict, session), promises)}


def _verdict(session: Session, promise: Promise) -> Verdict:
    now = datetime.now(UTC)
    try:
        return judge(promise, measure(promise, session), session.profile, now)
    except RundrillError as error:
        return Verdict(promise.id, Outcome.UNKNOWN, str(error))


def settled(session: Session, slug: str, wanted: Mapping[str, str], within: timedelta) -> dict[str, Verdict]:
    """The verdicts once all of `wanted` are missed and all others met; those that are not when time is up."""
    seen = verdicts(session, states(session, slug))

    def still_wrong() -> list[Promise]:
        return [
            p
            for p in states(session, slug)
            if (seen[p.id].outcome, p.id in wanted) not in ((Outcome.MET, False), (Outcome.MISSED, True))
        ]

    def look() -> bool:
        seen.update(verdicts(session, still_wrong()))
        return not still_wrong()

    until(look, within)
    return seen


def not_met(seen: Mapping[str, Verdict]) -> dict[str, str]:
    """The reasons of all that are not met."""
    return {name: verdict.reason for name, verdict in seen.items() if verdict.outcome is not Outcome.MET}
