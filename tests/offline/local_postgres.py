"""A real PostgreSQL on this machine for tests: no TCP, a directory of its own, ended by whoever started it."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from rundrill.gateway.kubectl import Completed
from rundrill.restore.scratch import START, Scratch, await_server
from rundrill.restore.shell import A_MOMENT

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
needs_postgresql = pytest.mark.skipif(
    not (PROGRAMS or shutil.which("initdb")), reason="no PostgreSQL server is installed here"
)


def _as_postgres(argv: list[str]) -> list[str]:
    # A server refuses to run as root.
    return ["runuser", "-u", "postgres", "--", *argv] if os.geteuid() == 0 else argv


@dataclass(frozen=True)
class LocalShell:
    """The same scripts, without a pod around them."""

    def run(self, script: str, *words: str, timeout: timedelta = A_MOMENT) -> Completed:
        done = subprocess.run(
            _as_postgres(["sh", "-eu", "-c", script, "rundrill", *words]),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=timeout.total_seconds(),
            cwd="/",
            check=False,
        )
        return Completed(done.returncode, done.stdout, done.stderr)


@contextmanager
def ground() -> Iterator[Path]:
    """A directory that the server's user may write to, gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix="rd-"))
    path.chmod(0o777)
    try:
        yield path
    finally:
        shutil.rmtree(path)


@contextmanager
def server(marker: str) -> Iterator[Scratch]:
    """A server started as a scratch pod starts it."""
    with ground() as path:
        child = subprocess.Popen(
            _as_postgres(["sh", "-eu", "-c", START, "rundrill", marker, str(path)]),
            stdin=subprocess.DEVNULL,
            cwd="/",
        )
        try:
            scratch = Scratch(LocalShell(), str(path), marker)
            await_server(scratch)
            yield scratch
        finally:
            pid = path / "cluster" / "postmaster.pid"
            if pid.exists():
                os.kill(int(pid.read_text().split()[0]), 3)
            else:
                child.kill()
            child.wait(20)
