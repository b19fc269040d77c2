"""Housekeeping of the database: statistics and dead rows, where they need it, and the canary's password."""

from __future__ import annotations

from psycopg import sql

from services.readiness.reads import Databases
from services.readiness.surroundings import Surroundings
from services.tokens import hash_password

# Never analysed, analysed before the last bulk load, a week ago, or a tenth of the rows dead.
_NEEDY = """
    SELECT t.relname AS name FROM pg_stat_user_tables AS t
    WHERE t.schemaname = 'public' AND (
        coalesce(greatest(t.last_analyze, t.last_autoanalyze), '-infinity') < greatest(
            now() - interval '7 days', (SELECT max(loaded_at) FROM bulk_loads WHERE table_name = t.relname))
        OR coalesce(greatest(t.last_vacuum, t.last_autovacuum), '-infinity') < now() - interval '7 days'
        OR t.n_dead_tup > 500 AND t.n_dead_tup > 0.1 * (t.n_live_tup + t.n_dead_tup))
"""
_HASH_ROUNDS = 2000


class Housekeeping:
    """What an operator would do by hand each month, done when it is due."""

    def __init__(self, databases: Databases, surroundings: Surroundings) -> None:
        self._databases = databases
        self._password = surroundings.canary_password

    async def tidy(self) -> None:
        """VACUUM ANALYZE for each table that needs it."""
        await self._let_the_canary_in()
        for row in await self._databases.write(_NEEDY):
            table = sql.Identifier("public", str(row["name"])).as_string()
            await self._databases.write(f"VACUUM (ANALYZE) {table}")

    async def _let_the_canary_in(self) -> None:
        if not self._password:
            return
        waiting = await self._databases.write(
            "SELECT id FROM accounts WHERE username = 'canary' AND password_hash IS NULL"
        )
        if waiting:
            stored = hash_password(self._password, _HASH_ROUNDS)
            await self._databases.write(
                "UPDATE accounts SET password_hash = %s WHERE username = 'canary'", stored
            )
