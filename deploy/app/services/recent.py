"""An answer that several askers share while it is fresh."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Recent[Answer]:
    """An answer that is made at most once in a while, whoever asks; a failure is nobody's answer."""

    def __init__(self, make: Callable[[], Answer], fresh_for_s: float) -> None:
        self._make = make
        self._fresh_for_s = fresh_for_s
        self._one_at_a_time = threading.Lock()
        self._made: tuple[float, Answer] | None = None

    def answer(self) -> Answer:
        """The newest answer, made now where it is too old."""
        with self._one_at_a_time:
            if self._made is None or time.monotonic() - self._made[0] > self._fresh_for_s:
                self._made = None
                asked = time.monotonic()
                self._made = asked, self._make()
            return self._made[1]
