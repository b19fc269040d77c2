"""database-maintenance: vacuums, notes how large each table is, and lets go of what is old."""

from __future__ import annotations

import logging

import psycopg
from psycopg import sql

from services.settings import Settings

log = logging.getLogger("services.maintenance")

_TABLES = "SELECT relname FROM pg_stat_user_tables WHERE schemaname = 'public' ORDER BY relname"
_SIZES = (
    "INSERT INTO table_sizes (table_name, bytes)"
    " SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables WHERE schemaname = 'public'"
)
_OLD = (
    "DELETE FROM workflows WHERE status <> 'running' AND created_at > '2026-02-01'"
    " AND created_at < clock_timestamp() - interval '30 minutes'",
    "DELETE FROM backup_markers WHERE written_at < clock_timestamp() - interval '1 hour'",
    "DELETE FROM table_sizes WHERE at < clock_timestamp() - interval '14 days'",
)


def run(settings: Settings) -> None:
    """One round of maintenance; the process fails where any part does."""
    with psycopg.connect(settings.database, autocommit=True) as connection:
        for statement in _OLD:
            log.info("%d old rows removed", connection.execute(statement).rowcount)
        tables = [str(row[0]) for row in connection.execute(_TABLES).fetchall()]
        for table in tables:
            connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier("public", table)))
        connection.execute(_SIZES)
    log.info("%d tables vacuumed, analyzed and measured", len(tables))
