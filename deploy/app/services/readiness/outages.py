"""The stand-in for the person on call, where nobody is served: opens a P1 incident, tells, looks, and stays until it is over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.readiness.overall import Finding
    from services.readiness.reads import Databases

TITLE = "the application answers nobody"
_LOOKS = 2
"""So many looks in a row must agree before an outage begins or ends."""
_OPEN = """
    INSERT INTO incidents (severity, title, detected_at, acknowledged_at, notified_at)
    VALUES ('P1', %s, clock_timestamp(), clock_timestamp(), clock_timestamp()) RETURNING id
"""
_UNDER_WAY = (
    "SELECT id FROM incidents WHERE severity = 'P1' AND alert IS NULL AND title = %s AND resolved_at IS NULL"
)
_NOTICE = "INSERT INTO notices (kind, incident_id, audience) VALUES ('status', %s, 'users')"
_STAGE = "INSERT INTO incident_stages (incident_id, stage, note) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
_OVER = """
    UPDATE incidents SET fixed_at = coalesce(fixed_at, clock_timestamp()), resolved_at = clock_timestamp() WHERE id = %s
"""
_READY = (
    'sum(kube_pod_status_ready{namespace="ai-data-readiness", pod=~"ai-data-readiness-app-.*", condition="true"})'
    " or vector(0)"
)
_MAINTENANCE = "SELECT is_on FROM maintenance_mode ORDER BY id DESC LIMIT 1"


@dataclass
class _Looks:
    well: int = 0
    unwell: int = 0

    def take(self, well: bool) -> None:
        """One look more."""
        self.well, self.unwell = (self.well + 1, 0) if well else (0, self.unwell + 1)


class Outages:
    """Incidents of table incidents that nobody else opens."""

    def __init__(
        self,
        databases: Databases,
        look: Callable[[], Awaitable[list[Finding]]],
        ask: Callable[[str], Awaitable[float]],
    ) -> None:
        self._databases = databases
        self._look = look
        self._ask = ask
        self._looks = _Looks()

    async def watch(self) -> None:
        """Look at the whole platform once, and keep the books about its outage."""
        seen = await self._look()
        self._looks.take(all(one.well for one in seen if one.part == "application"))
        open_ones = [row["id"] for row in await self._databases.write(_UNDER_WAY, TITLE)]
        if self._looks.unwell >= _LOOKS:
            await self._respond(open_ones, seen)
        elif self._looks.well >= _LOOKS:
            for number in open_ones:
                await self._databases.write(_STAGE, number, "monitored", f"well for {self._looks.well} looks")
                await self._databases.write(_OVER, number)

    async def _respond(self, open_ones: list[object], seen: list[Finding]) -> None:
        if not open_ones:
            if (await self._databases.write(_MAINTENANCE))[0]["is_on"]:
                return  # Users were told, and somebody is at it.
            open_ones = [(await self._databases.write(_OPEN, TITLE))[0]["id"]]
            await self._databases.write(_NOTICE, open_ones[0])
        unwell = ", ".join(f"{one.part}: {one.seen}" for one in seen if not one.well)
        for number in open_ones:
            await self._databases.write(_STAGE, number, "assessed", unwell)
            await self._databases.write(_STAGE, number, "investigated", await self._cause(unwell))

    async def _cause(self, unwell: str) -> str:
        """What the figures say of it, in a person's place."""
        return f"{await self._ask(_READY):g} replicas of the application are ready; not well: {unwell}"
