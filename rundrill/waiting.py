"""Polling with a deadline: the only way anything here waits."""

import time
from collections.abc import Callable
from datetime import timedelta

OFTEN = timedelta(milliseconds=300)


def until[T](look: Callable[[], T | None], within: timedelta, every: timedelta = OFTEN) -> T | None:
    """The first that `look` gave which is not nothing, or None at the deadline; it always looks at least once."""
    deadline = time.monotonic() + within.total_seconds()
    while True:
        found = look()
        if found:
            return found
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        time.sleep(min(every.total_seconds(), left))
