"""Reports that an agent took and lost (its pod was killed, say) get a new message, a few times at most."""

from __future__ import annotations

import asyncio
import json
import logging

import redis.exceptions
from confluent_kafka import KafkaException

from services.pipeline.bus import Bus, Watcher
from services.pipeline.counts import FAILED as FAILURES
from services.pipeline.places import REPORTS, TICKET_GROUP, TRIAGE_GROUP, TRIAGED, Places
from services.pipeline.reports import FAILED, Reports, Stuck

log = logging.getLogger("services.pipeline.sweep")

_PERIOD_SECONDS = 15.0
_STUCK_SECONDS = 45.0
_MOST_TRIES = 4
_GROUP_OF = {REPORTS: TRIAGE_GROUP, TRIAGED: TICKET_GROUP}


class Sweep:
    """Finds reports whose message was read and that did not move on; one pod at a time does it."""

    def __init__(self, reports: Reports, bus: Bus, places: Places) -> None:
        self._reports = reports
        self._bus = bus
        self._places = places
        self._watchers: dict[str, Watcher] = {}

    async def keep_sweeping(self) -> None:
        """Sweep for ever; servers that are away are waited for."""
        while True:
            await asyncio.sleep(_PERIOD_SECONDS)
            try:
                if await self._reports.first_to("sweep", int(_PERIOD_SECONDS) - 1):
                    await self.once()
            except (redis.exceptions.RedisError, KafkaException) as error:
                log.warning("not swept", extra={"cause": str(error)})

    async def once(self) -> None:
        """Each stuck report whose message its group has read is sent again."""
        stuck = await self._reports.stuck(_STUCK_SECONDS)
        for topic in {report.topic for report in stuck}:
            read = await asyncio.to_thread(self._watcher(topic).committed, topic)
            for report in stuck:
                # One that waits in a long queue is not lost: sending it again would make the queue longer.
                if report.topic == topic and read.get(report.partition, 0) > report.offset:
                    await self._again(report)

    def _watcher(self, topic: str) -> Watcher:
        if topic not in self._watchers:
            self._watchers[topic] = Watcher(self._places.kafka, _GROUP_OF[topic])
        return self._watchers[topic]

    async def _again(self, report: Stuck) -> None:
        fields = await self._reports.one(report.id)
        tries = int(fields.get("tries", "0")) + 1
        if tries > _MOST_TRIES:
            if await self._reports.end(report.id, FAILED, {"error": "lost too often"}):
                FAILURES.labels("api", "other").inc()
            log.error("report given up", extra={"cause": f"{report.id}: no agent finished it"})
            return
        said = {name: fields.get(name, "") for name in ("title", "body", "severity")}
        message = {"id": report.id, "accepted_at": float(fields["accepted_at"])} | said
        put = await self._bus.put(report.topic, report.id, json.dumps(message).encode())
        await self._reports.lies_at(report.id, put)
        await self._reports.move(report.id, report.status, {"tries": str(tries)})
        log.warning("report sent again", extra={"cause": f"{report.id} stood at {report.status}"})
