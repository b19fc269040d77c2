"""kafka-topics: makes the topics that are not there yet, and leaves those that are as they are."""

from __future__ import annotations

import logging
import time

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from services.pipeline.places import PARTITIONS, Places
from services.settings import Settings

log = logging.getLogger("services.pipeline.topics")

_WAIT_SECONDS = 2.0


def run(_: Settings) -> None:
    """Return when every topic is there; a broker that is away is waited for."""
    admin = AdminClient({"bootstrap.servers": Places.from_environment().kafka, "log_level": 3})
    while missing := _missing(admin):
        log.info("topics made or waited for: %s", ", ".join(missing))
        time.sleep(_WAIT_SECONDS)


def _missing(admin: AdminClient) -> list[str]:
    """The topics that were not there just now; each was asked for."""
    try:
        there = admin.list_topics(timeout=5).topics
    except KafkaException as error:
        log.warning("no broker yet", extra={"cause": str(error)})
        return list(PARTITIONS)
    missing = [name for name in PARTITIONS if name not in there]
    if missing:
        wanted = [NewTopic(name, num_partitions=PARTITIONS[name], replication_factor=1) for name in missing]
        for name, made in admin.create_topics(wanted).items():
            _await(name, made)
    return missing


def _await(name: str, made: object) -> None:
    try:
        made.result(10)  # type: ignore[attr-defined] # confluent_kafka has no types
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            log.warning("not made", extra={"cause": f"{name}: {error}"})
