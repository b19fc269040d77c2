"""readiness-database-backup: a dump with its description, and `latest.sql.gz` that leads to it."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime
from pathlib import Path

from psycopg.conninfo import make_conninfo

from services.backup import back_up, forget_old
from services.readiness.surroundings import Surroundings
from services.settings import Settings

log = logging.getLogger("services.readiness.database_backup")

LATEST = "latest.sql.gz"


def lead_to(made: Path) -> None:
    """`latest.sql.gz` beside the dump, leading to it; there is never a moment without one."""
    waiting = made.with_name(f".{LATEST}.partial")
    waiting.unlink(missing_ok=True)
    waiting.symlink_to(made.name)
    waiting.rename(made.with_name(LATEST))


def run(_: Settings) -> None:
    """One backup; the process fails where it does."""
    surroundings = Surroundings.from_environment()
    # pg_dump gets the password that stands in the connection's words, not the one of this environment.
    address = make_conninfo(surroundings.database, password=os.environ["PGPASSWORD"])
    made = back_up(address, surroundings.backups, datetime.now(UTC))
    lead_to(made)
    log.info("backup made: %s, %d bytes", made.name, made.stat().st_size)
    for name in forget_old(surroundings.backups):
        log.info("old backup removed: %s", name)
