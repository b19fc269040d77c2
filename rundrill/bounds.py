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
AGAIN = timedelta(seconds=5)
"""Where the interruption was swallowed, it is repeated so often."""


class TookTooLong(Exception):
    """An activity had its time. No error of ours: nobody who waits for something may take it for an answer."""


def write_settings(path: Path) -> Path:
    """The file, with settings for Chaos Toolkit that register this module and nothing else."""
    control = {"provider": {"type": "python", "module": __name__}}
    path.write_text(json.dumps({"controls": {"time-out": control}}), encoding="utf-8")
    return path


def bound_of(activity: Mapping[str, Any]) -> timedelta:
    """How long an activity may take: its provider's own `timeout` (15m, or seconds), or what is usual."""
    said = (activity.get("provider") or {}).get("timeout")
    if said is None:
        return USUAL
    return timedelta(seconds=said) if isinstance(said, int | float) else duration(said)


def before_activity_control(context: Mapping[str, Any]) -> None:
    """Starts the activity's time."""
    bound = bound_of(context)

    def end(*_: object) -> None:
        raise TookTooLong(f"it was interrupted after {duration_text(bound)}, its time-out")

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, bound.total_seconds(), AGAIN.total_seconds())


def after_activity_control(context: Mapping[str, Any]) -> None:
    """Ends the activity's time."""
    signal.setitimer(signal.ITIMER_REAL, 0)
