"""The versions of secrets, numbered from 1, in one file."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from pathlib import Path

Version = dict[str, str]


class Versions:
    """Every version of every secret, in one file that only this account can read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._kept: dict[str, list[Version]] = json.loads(path.read_text()) if path.exists() else {}

    def names(self) -> list[str]:
        """The names of the secrets."""
        return sorted(self._kept)

    def of(self, name: str) -> list[Version]:
        """The versions of one secret, oldest first; none where it is unknown."""
        return list(self._kept.get(name, []))

    def add(self, name: str, value: str) -> int:
        """The number of the new version, which is enabled."""
        with self._lock:
            versions = self._kept.setdefault(name, [])
            versions.append(
                {"value": value, "state": "ENABLED", "created": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
            )
            self._save()
            return len(versions)

    def disable(self, name: str, number: int) -> None:
        """Makes a version unreadable."""
        with self._lock:
            self._kept[name][number - 1]["state"] = "DISABLED"
            self._save()

    def _save(self) -> None:
        partial = self._path.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(self._kept))
        partial.rename(self._path)
