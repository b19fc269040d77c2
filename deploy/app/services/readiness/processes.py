"""The memory of every process in a container: which of them grows is seen without a shell."""

from __future__ import annotations

import os
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_NAME_LENGTH = 60


def memory_by_command(proc: Path = Path("/proc")) -> dict[str, int]:
    """Resident bytes, summed over processes of the same command line."""
    found: dict[str, int] = {}
    for directory in proc.glob("[0-9]*"):
        try:
            name, size = _name(directory), _resident_bytes(directory)
        except (OSError, IndexError):
            continue  # It ended while we looked.
        found[name] = found.get(name, 0) + size
    return found


def _name(directory: Path) -> str:
    """The first words of its command line; nothing of a password stands in ours."""
    words = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").split()
    return " ".join(words)[:_NAME_LENGTH] or (directory / "comm").read_text().strip()


def _resident_bytes(directory: Path) -> int:
    return int((directory / "statm").read_text().split()[1]) * _PAGE_BYTES
