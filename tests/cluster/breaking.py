"""What every platform's breakages need: all its states asked at once, and asked again until they are as expected."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

from rundrill.errors import RundrillError
from rundrill.jobs import end_of
from rundrill.judge import judge
from rundrill.measure import measure
from rundrill.promise import Promise
from rundrill.session import Session
from rundrill.verdict import Outcome, Verdict
from rundrill.waiting import until

AT_ONCE = 8
HEALTHY_WITHIN = timedelta(minutes=8)
"""A platform that came up a minute ago failed its first users; they stay in a rate of five minutes for as long."""
BROKEN_WITHIN = timedelta(minutes=3)
"""Longer than any breakage takes to be told: who waits less takes a busy machine for a wrong check."""
JOBS_END_WITHIN = timedelta(minutes=3)
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


def settled(
    session: Session,
    slug: str,
    wanted: Mapping[str, str],
    within: timedelta | None = None,
    leaving: tuple[str, ...] = (),
) -> dict[str, Verdict]:
    """The verdicts once all of `wanted` are missed for their cause (a regular expression) and all others met.

    Those that are not when time is up, too. Promises of `leaving` are not asked.
    """
    promises = [p for p in states(session, slug) if p.id not in leaving]
    seen = verdicts(session, promises)

    def still_wrong() -> list[Promise]:
        return [p for p in promises if not _as_wanted(seen[p.id], wanted.get(p.id))]

    def look() -> bool:
        seen.update(verdicts(session, still_wrong()))
        return not still_wrong()

    until(look, within or (BROKEN_WITHIN if wanted else HEALTHY_WITHIN))
    return seen


def _as_wanted(verdict: Verdict, cause: str | None) -> bool:
    if cause is None:
        return verdict.outcome is Outcome.MET
    return verdict.outcome is Outcome.MISSED and bool(re.search(cause, verdict.reason))


@contextlib.contextmanager
def paused(session: Session, namespace: str, *cron_jobs: str) -> Iterator[None]:
    """No run of these CronJobs while the context lasts, not even the end of one that had begun.

    A backup of a broken platform holds what is broken, and maintenance mends what a test has spoilt.
    """

    def suspend(suspended: bool) -> None:
        for name in cron_jobs:
            session.kube.patch("batch/v1/CronJob", namespace, name, {"spec": {"suspend": suspended}})

    looks = 0

    def quiet() -> bool:
        nonlocal looks
        # Twice: the controller may just be making one more.
        looks = 0 if _at_work(session, namespace, cron_jobs) else looks + 1
        return looks > 1

    with contextlib.ExitStack() as undoing:
        undoing.callback(suspend, False)
        suspend(True)
        over = until(quiet, JOBS_END_WITHIN, every=timedelta(seconds=1))
        assert over, f"not over in {JOBS_END_WITHIN}: {_at_work(session, namespace, cron_jobs)}"
        yield


def _at_work(session: Session, namespace: str, cron_jobs: tuple[str, ...]) -> list[str]:
    """The Jobs of these CronJobs that are not over, by name."""
    return [
        job["metadata"]["name"]
        for job in session.kube.items("batch/v1/Job", namespace)
        if any(owner["name"] in cron_jobs for owner in job["metadata"].get("ownerReferences") or ())
        and end_of(job) is None
    ]


def not_met(seen: Mapping[str, Verdict]) -> dict[str, str]:
    """The reasons of all that are not met."""
    return {name: verdict.reason for name, verdict in seen.items() if verdict.outcome is not Outcome.MET}
