"""The book of workflows: each is written down before it starts, so that a pod that goes loses none."""

from __future__ import annotations

import json
from typing import Any

from services.store import Database, Row

TRIES = 3
_ABANDONED = "20 seconds"


class Workflows:
    """Table workflows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, user: object, tool: str, given: object) -> int:
        """The number of a new workflow that is running."""
        rows = await self._database.rows(
            "INSERT INTO workflows (user_id, tool, input, status, attempts)"
            " VALUES (%s, %s, %s::jsonb, 'running', 1) RETURNING id",
            user,
            tool,
            json.dumps(given),
        )
        return int(str(rows[0]["id"]))

    async def end(self, number: int, status: str, answer: Any) -> None:
        """Write down how a workflow ended: `finished` or `failed`."""
        await self._database.rows(
            "UPDATE workflows SET status = %s, answer = %s::jsonb, finished_at = clock_timestamp() WHERE id = %s",
            status,
            json.dumps(answer),
            number,
        )

    async def abandoned(self) -> list[Row]:
        """Workflows whose pod went away under them, taken over by this one."""
        return await self._database.rows(
            "UPDATE workflows SET attempts = attempts + 1, taken_at = clock_timestamp() WHERE id IN"
            " (SELECT id FROM workflows WHERE status = 'running'"
            "  AND coalesce(taken_at, created_at) < clock_timestamp() - %s::interval"
            "  ORDER BY id LIMIT 10 FOR UPDATE SKIP LOCKED) RETURNING id, tool, input, attempts",
            _ABANDONED,
        )

    async def mark(self) -> None:
        """A marker that tells a backup's reader how new its content is."""
        await self._database.rows("INSERT INTO backup_markers DEFAULT VALUES")
