"""The file that a crowd writes, one JSON line for each thing that happened."""

import json
from pathlib import Path


class Lines:
    """A file of JSON lines that a reader can follow: buffered, written out every 0.2 s."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._waiting: list[str] = []

    def add(self, line: dict[str, object]) -> None:
        """Take one line."""
        self._waiting.append(json.dumps(line, separators=(",", ":")))

    def flush(self) -> None:
        """Write what is waiting."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._file.write("\n".join(waiting) + "\n")
            self._file.flush()
