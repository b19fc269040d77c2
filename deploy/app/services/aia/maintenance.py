"""Maintenance mode: read from the mounted configuration while the API runs, so that a patch needs no restart."""

from __future__ import annotations

import time
from pathlib import Path

CONFIGURATION = Path("/etc/aia")
_LOOK_EVERY_SECONDS = 1.0


class Maintenance:
    """Whether aia-config's MAINTENANCE_MODE is on, at most a second after the file in this pod says so."""

    def __init__(self, folder: Path = CONFIGURATION) -> None:
        self._file = folder / "MAINTENANCE_MODE"
        self._on = False
        self._looked = float("-inf")

    @property
    def on(self) -> bool:
        """The mode in force; a key that is not there means off."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_EVERY_SECONDS:
            self._looked = now
            self._on = self._file.exists() and self._file.read_text().strip().lower() == "true"
        return self._on
