"""emergency-recovery: the whole pipeline is taken away, emptied and brought back, by somebody who says `y` to it."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import redis
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from services.pipeline.cluster import Namespace, wait
from services.pipeline.consent import confirmed
from services.pipeline.places import Places
from services.pipeline.reports import ACTIVE
from services.pipeline.visitor import Visitor
from services.settings import Settings

log = logging.getLogger("services.pipeline.recovery")

PARTS = ("ai-pipeline", "triage-agent", "ticket-agent")
"""Whoever writes to Redis: all of them must be gone before it is emptied."""
SERVERS = ("kafka", "redis")
BEFORE = "ai-pipeline.com/replicas-before"
_GONE_S, _BACKUP_S, _SERVERS_S, _BACK_S, _HEALTHY_S = 90.0, 120.0, 180.0, 180.0, 30.0
_QUIET_S = 2.0
_QUESTION = "Every part of the pipeline goes away for some minutes. Continue?"


def run(settings: Settings) -> None:
    """The steps that STEPS names, all where it names none; the process ends with 1 where one fails or nobody agrees."""
    recovery = Recovery(settings, Namespace())
    steps: dict[str, Callable[[], None]] = {
        "scale-down": recovery.scale_down,
        "flush": recovery.flush,
        "restart": recovery.restart,
        "scale-up": recovery.scale_up,
        "verify": recovery.verify,
    }
    asked = os.environ.get("STEPS", ",".join(steps)).split(",")
    # Bringing back what an earlier run left away harms nobody.
    if asked != ["scale-up"] and not confirmed(_QUESTION, sys.stdin):
        log.warning("recovery cancelled, nothing was changed")
        sys.exit(1)
    try:
        for name in asked:
            steps[name]()
    except (TimeoutError, RuntimeError, httpx.HTTPError, redis.RedisError) as error:
        log.error("recovery failed", extra={"cause": f"{name}: {error}"})
        sys.exit(1)
    log.info("recovery completed: %s", ", ".join(asked))


class Recovery:
    """The steps in their order; each ends only when what it is for is so."""

    def __init__(self, settings: Settings, namespace: Namespace) -> None:
        self._settings = settings
        self._namespace = namespace

    def scale_down(self) -> None:
        """No pod of any part is left, and how many there were stands at its Deployment."""
        for part in PARTS:
            replicas = self._namespace.deployment(part)["spec"]["replicas"]
            # None there: an earlier recovery was cut short, and its note is the true one.
            note = {"metadata": {"annotations": {BEFORE: str(replicas)}}} if replicas else {}
            self._namespace.change(part, note | {"spec": {"replicas": 0}})
            log.info("wrote down %d replicas of %s", replicas, part)
        took = wait("pods are left", _GONE_S, lambda: self._namespace.pods(*PARTS) == 0)
        log.info("no pod is left after %.1f s", took)

    def flush(self) -> None:
        """Redis is empty and stays so; what it held is in a backup that was made after everybody had gone."""
        name = f"recovery-backup-{datetime.now(UTC):%H%M%S}"
        self._namespace.begin("automated-backup", name)
        wait("the backup", _BACKUP_S, lambda: self._namespace.ended(name) is not None)
        if not self._namespace.ended(name):
            raise RuntimeError("the backup failed, so nothing was emptied")
        log.info("backup made: job %s", name)
        with self._redis() as cache:
            keys, under_way = cache.dbsize(), cache.zcard(ACTIVE)
            cache.flushall()
            time.sleep(_QUIET_S)
            if left := cache.dbsize():
                raise RuntimeError(f"{left} keys were written after the flush")
        log.info("flushed %d keys, lost %d reports under way, 0 keys since", keys, under_way)

    def restart(self) -> None:
        """Kafka and Redis are new pods and take clients."""
        for server in SERVERS:
            self._namespace.restart(server)
        took = wait("Kafka and Redis", _SERVERS_S, self._servers_answer)
        log.info("Kafka and Redis take clients after %.1f s", took)

    def scale_up(self) -> None:
        """Every part has as many ready replicas as stood at its Deployment."""
        for part in PARTS:
            annotations = self._namespace.deployment(part)["metadata"].get("annotations", {})
            if BEFORE in annotations:
                self._namespace.change(part, {"spec": {"replicas": int(annotations[BEFORE])}})
        for part in PARTS:
            wait(part, _BACK_S, lambda part=part: self._namespace.complete(part))  # type: ignore[misc]
            there = self._namespace.deployment(part)
            before = there["metadata"].get("annotations", {}).get(BEFORE)
            ready = there["status"].get("availableReplicas", 0)
            log.info("brought back %s of %s replicas of %s", ready, before or ready, part)
            self._namespace.change(part, {"metadata": {"annotations": {BEFORE: None}}})

    def verify(self) -> None:
        """The health check answered 200 through the front door."""
        visitor = Visitor()
        took = wait("the health check", _HEALTHY_S, lambda: visitor.ask("GET", "/health")[0] == 200)
        log.info("the health check answered 200 after %.1f s", took)

    def _servers_answer(self) -> bool:
        if not all(self._namespace.complete(server) for server in SERVERS):
            return False
        try:
            with self._redis() as cache:
                cache.ping()
            AdminClient({"bootstrap.servers": Places.from_environment().kafka}).list_topics(timeout=2)
        except (redis.RedisError, KafkaException):
            return False
        return True

    def _redis(self) -> redis.Redis:
        password = self._settings.redis_password or None
        return redis.Redis(host=self._settings.redis_host, password=password, socket_timeout=5)
