"""What a game day runs, and from when on its target can be measured fairly."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from rundrill import ledger
from rundrill.policy import Gameday, Policy
from rundrill.session import Session
from rundrill.waiting import until

TELL_EVERY = timedelta(seconds=15)
SPARE = 0.02
"""The share of a window that may lack samples before it is worth waiting for; the judge allows more."""


def plan(policy: Policy, gameday: Gameday) -> tuple[str, ...]:
    """What would run and which promises that would prove, one line each."""
    lines = [f"runbook {gameday.runbook}"]
    for name in gameday.experiments:
        lines.append(f"experiment {name}: {_listed(_proven_by(policy, name))}")
    for name in gameday.crowds:
        carried = [p.id for p in policy.promises if p.capacity and p.capacity.crowd == name]
        lines.append(f"crowd {name}: {_listed(carried)}")
    lines += [f"restore {promise_id}" for promise_id in gameday.restores]
    return tuple(lines)


def clean_from(session: Session) -> datetime | None:
    """When the objectives' window no longer holds the last fault of a drill; None where it holds none now.

    Only a profile with a short window of its own can be waited for: a fault stays in 30 days for 30 days.
    """
    window, last = session.profile.objective_window, ledger.last_closed(session)
    if window is None or last is None or last + window <= datetime.now(UTC):
        return None
    return last + window


def wait_until_clean(session: Session, say: Callable[[str], None]) -> None:
    """Returns once the window is clean; says every 15 s how long that still takes."""
    ready = clean_from(session)
    while ready is not None and (left := ready - datetime.now(UTC)) > timedelta(0):
        say(f"waiting {left.total_seconds():.0f} s until the objectives' window is clean of the last drill")
        until(lambda: datetime.now(UTC) >= ready, min(left, TELL_EVERY))


def wait_until_full(session: Session, covered: Callable[[], timedelta], say: Callable[[str], None]) -> None:
    """Returns once samples cover the objectives' own short window, or could have; says how long that takes.

    `covered` gives how much of the window has samples. What is still missing at the end is the judge's to tell.
    """
    window = session.profile.objective_window
    if window is None:
        return
    deadline = datetime.now(UTC) + window + TELL_EVERY
    while (missing := window - covered()) > SPARE * window and datetime.now(UTC) < deadline:
        say(f"waiting {missing.total_seconds():.0f} s until the objectives' window is full of samples")
        until(lambda: None, min(missing, TELL_EVERY))


def _proven_by(policy: Policy, experiment: str) -> list[str]:
    return [
        promise.id
        for promise in policy.promises
        if (promise.alert and promise.alert.proven_by == experiment)
        or (promise.drill and promise.drill.experiment == experiment)
    ]


def _listed(ids: list[str]) -> str:
    return ", ".join(ids) or "no promise"
