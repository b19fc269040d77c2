"""A time-out around every activity of an experiment: a control of Chaos Toolkit, which has none for Python of its own.

It is registered by the settings that `write_settings` gives to the child. An activity that takes longer is interrupted
where it stands and has failed, with its reason in the journal; the experiment goes on to its rollbacks.
"""

import json
import signal
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from rundrill.units import duration, duration_text

USUAL = timedelta(minutes=10)
"""What an activity may take whose provider says no `timeout`."""
LONGEST = timedelta(minutes=14)
"""What a step takes at most that waits as long as a promise gives: a minute later what still stands is undone (ledger.LASTS)."""
MORE = timedelta(seconds=90)
"""How much longer such a step waits before it says no."""
WAITS = frozenset({"is_done", "users_recover", "users_are_well", "workload_recovers"})
AGAIN = timedelta(seconds=5)
"""Where the interruption was swallowed, it is repeated so often."""


class TookTooLong(Exception):
    """An activity had its time. No error of ours: nobody who waits for something may take it for an answer."""


def write_settings(path: Path, promised: timedelta = timedelta(0)) -> Path:
    """The file, with settings for Chaos Toolkit that register this module and nothing else.

    `promised` is the longest time that a promise gives the experiment: a step that waits for that is not cut off before.
    """
    words = {"promised_s": promised.total_seconds()}
    control = {"provider": {"type": "python", "module": __name__, "arguments": words}}
    path.write_text(json.dumps({"controls": {"time-out": control}}), encoding="utf-8")
    return path


def bound_of(activity: Mapping[str, Any], promised: timedelta = timedelta(0)) -> timedelta:
    """How long an activity may take: its provider's own `timeout` (15m, or seconds), what it waits for, or what is usual."""
    provider = activity.get("provider") or {}
    said = provider.get("timeout")
    if said is None:
        return max(USUAL, min(promised + MORE, LONGEST)) if provider.get("func") in WAITS else USUAL
    return timedelta(seconds=said) if isinstance(said, int | float) else duration(said)


def before_activity_control(context: Mapping[str, Any], promised_s: float = 0) -> None:
    """Starts the activity's time."""
    bound = bound_of(context, timedelta(seconds=promised_s))

    def end(*_: object) -> None:
        raise TookTooLong(f"it was interrupted after {duration_text(bound)}, its time-out")

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, bound.total_seconds(), AGAIN.total_seconds())


def after_activity_control(context: Mapping[str, Any], promised_s: float = 0) -> None:
    """Ends the activity's time."""
    signal.setitimer(signal.ITIMER_REAL, 0)
