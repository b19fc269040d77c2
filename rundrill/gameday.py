"""From when on a target can be measured fairly."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rundrill import ledger
from rundrill.errors import NoEvidence
from rundrill.evidence import ObjectiveSeen
from rundrill.measure import measure
from rundrill.promise import Promise
from rundrill.session import Session
from rundrill.waiting import until

type Json = dict[str, Any]

TELL_EVERY = timedelta(seconds=15)
SETTLES = timedelta(seconds=5)
"""What a scrape and the last failing request may take beyond the moment a pod is ready."""
SERVE_NOBODY = frozenset({"kube-system", ledger.NAMESPACE})
SPARE = 0.02
"""The share of a window that may lack samples before it is worth waiting for; the judge allows more."""


def last_disturbed(closed: datetime | None, pods: Iterable[Json]) -> datetime | None:
    """When users may last have felt a drill or a roll-out: the last fault undone, or the youngest pod ready.

    `pods` as the API server gives them; those of Jobs serve nobody, and those that are not ready are the checks' to tell.
    """
    ready = [since for pod in pods if (since := _ready_since(pod)) is not None]
    return max([*ready, *([closed] if closed else [])], default=None)


def clean_from(session: Session) -> datetime | None:
    """When the objectives' window no longer holds the last drill or roll-out; None where it holds none now.

    Only a profile with a short window of its own can be waited for: a fault stays in 30 days for 30 days.
    """
    window = session.profile.objective_window
    if window is None:
        return None
    pods = (pod for pod in session.kube.items("v1/Pod") if pod["metadata"]["namespace"] not in SERVE_NOBODY)
    last = last_disturbed(ledger.last_closed(session), pods)
    ready = None if last is None else last + window + SETTLES
    return ready if ready is not None and ready > datetime.now(UTC) else None


def settle(session: Session, objectives: Sequence[Promise], say: Callable[[str], None]) -> None:
    """Returns once these objectives can be measured fairly, as far as waiting helps."""
    wait_until_clean(session, say)
    wait_until_full(session, lambda: covered(session, objectives), say)


def covered(session: Session, objectives: Sequence[Promise]) -> timedelta:
    """How much of their window the objectives' samples cover: the least of them, nothing where one has none."""
    seen = []
    for promise in objectives:
        try:
            found = measure(promise, session).seen
        except NoEvidence:
            return timedelta(0)
        seen += [found.covered] if isinstance(found, ObjectiveSeen) else []
    return min(seen, default=timedelta(0))


def wait_until_clean(session: Session, say: Callable[[str], None]) -> None:
    """Returns once the window is clean; says every 15 s how long that still takes, and gives up after twice that."""
    deadline = datetime.now(UTC) + 2 * (session.profile.objective_window or timedelta(0))
    while (ready := clean_from(session)) is not None and datetime.now(UTC) < deadline:
        left = ready - datetime.now(UTC)
        say(f"waiting {left.total_seconds():.0f} s until the objectives' window is clean of the last change")
        until(lambda: None, min(left, TELL_EVERY))


def _ready_since(pod: Json) -> datetime | None:
    owners = {owner["kind"] for owner in pod["metadata"].get("ownerReferences", ())}
    for condition in pod.get("status", {}).get("conditions", ()):
        if condition["type"] == "Ready" and condition["status"] == "True" and "Job" not in owners:
            return datetime.fromisoformat(condition["lastTransitionTime"])
    return None


def wait_until_full(session: Session, covered: Callable[[], timedelta], say: Callable[[str], None]) -> None:
    """Returns once samples cover the objectives' own short window, or could have; says how long that takes.

    `covered` gives how much of the window has samples. What is still missing at the end is the judge's to tell.
    """
    window = session.profile.objective_window
    if window is None:
        return
    deadline = datetime.now(UTC) + window + TELL_EVERY
    while (missing := window - covered()) > SPARE * window:
        left = deadline - datetime.now(UTC)
        if left <= timedelta(0):
            return
        say(
            f"waiting {left.total_seconds():.0f} s at most until the objectives' window is full of samples;"
            f" {missing.total_seconds():.0f} s of it are not"
        )
        until(lambda: None, min(missing, left, TELL_EVERY))
