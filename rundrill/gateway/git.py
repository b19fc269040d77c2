"""When files of a repository were changed, by git."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

from rundrill.errors import NoEvidence

TIMEOUT_S = 10


def last_commit(path: Path) -> datetime | None:
    """When the last commit that touched a file was made; None where none did, NoEvidence where nobody can tell."""
    said = _git(path, "log", "-1", "--format=%ct", "--", path.name)
    return datetime.fromtimestamp(int(said), UTC) if said else None


def is_changed(path: Path) -> bool:
    """Whether the file differs from its last commit."""
    return bool(_git(path, "status", "--porcelain", "--", path.name))


def _git(path: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(path.parent), *words],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoEvidence(f"git does not tell of {path.name}: {error}") from None
    if done.returncode:
        raise NoEvidence(f"git does not tell of {path.name}: {done.stderr.strip()[:200]}")
    return done.stdout.strip()
