"""The memory of every process in a container, as a metric: which of them grows is seen without a shell."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_NAME_LENGTH = 60


class Processes:
    """process_memory_bytes{process}: resident memory, summed over processes of the same command line."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One sample a command line."""
        found: dict[str, int] = {}
        for directory in self._proc.glob("[0-9]*"):
            try:
                name, size = _name(directory), _resident_bytes(directory)
            except (OSError, IndexError):
                continue  # It ended while we looked.
            found[name] = found.get(name, 0) + size
        family = GaugeMetricFamily(
            "process_memory_bytes", "Resident memory of a process.", labels=["process"]
        )
        for name, size in sorted(found.items()):
            family.add_metric([name], size)
        yield family


def _name(directory: Path) -> str:
    """The first words of its command line; nothing of a password stands in ours."""
    words = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").split()
    return " ".join(words)[:_NAME_LENGTH] or (directory / "comm").read_text().strip()


def _resident_bytes(directory: Path) -> int:
    return int((directory / "statm").read_text().split()[1]) * _PAGE_BYTES
