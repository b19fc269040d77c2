"""kafka-exporter: how far each consumer group is behind, as metrics that are read from the broker every few seconds."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.applications import Starlette

from services.pipeline.bus import Watcher
from services.pipeline.counts import count_lines
from services.pipeline.places import PARTITIONS, REPORTS, TICKET_GROUP, TRIAGE_GROUP, TRIAGED, Places
from services.settings import Settings
from services.web import build

log = logging.getLogger("services.pipeline.lag")

_PERIOD_SECONDS = 2.0
READS = {TRIAGE_GROUP: REPORTS, TICKET_GROUP: TRIAGED}
"""Group -> the topic that it reads."""


@dataclass(frozen=True)
class Standing:
    """One group on one topic: where it stands in each partition, and how many consumers it has."""

    group: str
    topic: str
    members: int
    committed: dict[int, int]
    ends: dict[int, tuple[int, int]]

    def lag(self, partition: int) -> int:
        """Messages that the group has not read; all that are kept, where it never read any."""
        first, end = self.ends[partition]
        return max(0, end - max(first, self.committed.get(partition, first)))


class Standings(Collector):  # type: ignore[misc] # where its package is not installed
    """The newest standings; none once the broker has not answered for a while, so that old figures do not look new."""

    def __init__(self) -> None:
        self.newest: list[Standing] = []
        self.ends: dict[str, dict[int, tuple[int, int]]] = {}

    def collect(self) -> Iterable[Metric]:
        """Every family."""
        yield from _of_groups(self.newest)
        partitions = GaugeMetricFamily("kafka_topic_partitions", "Partitions of a topic.", labels=["topic"])
        offset = GaugeMetricFamily(
            "kafka_topic_partition_current_offset",
            "The next message's offset.",
            labels=["topic", "partition"],
        )
        for topic, ends in self.ends.items():
            partitions.add_metric([topic], len(ends))
            for number, (_, end) in ends.items():
                offset.add_metric([topic, str(number)], end)
        yield from (partitions, offset)


def _of_groups(standings: Iterable[Standing]) -> Iterable[Metric]:
    labels = ["group", "topic"]
    total = GaugeMetricFamily("kafka_consumer_lag_sum", "Messages a group has not read.", labels=labels)
    each = GaugeMetricFamily("kafka_consumer_lag", "The same in a partition.", labels=[*labels, "partition"])
    place = GaugeMetricFamily(
        "kafka_consumer_offset", "The next offset a group reads.", labels=[*labels, "partition"]
    )
    members = GaugeMetricFamily("kafka_consumer_members", "Consumers of a group.", labels=["group"])
    for standing in standings:
        key = [standing.group, standing.topic]
        total.add_metric(key, sum(standing.lag(number) for number in standing.ends))
        members.add_metric([standing.group], standing.members)
        for number in standing.ends:
            each.add_metric([*key, str(number)], standing.lag(number))
            if number in standing.committed:
                place.add_metric([*key, str(number)], standing.committed[number])
    return total, each, place, members


class Reader:
    """Asks the broker for every standing."""

    def __init__(self, bootstrap: str) -> None:
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 3})
        self._watchers = {group: Watcher(bootstrap, group) for group in READS}

    def read(self) -> tuple[list[Standing], dict[str, dict[int, tuple[int, int]]]]:
        """All standings and the ends of all topics; KafkaException where the broker does not answer."""
        any_watcher = self._watchers[TRIAGE_GROUP]
        ends = {topic: any_watcher.ends(topic) for topic in PARTITIONS}
        members = {group.id: len(group.members) for group in self._admin.list_groups(timeout=5)}
        standings = [
            Standing(group, topic, members.get(group, 0), self._watchers[group].committed(topic), ends[topic])
            for group, topic in READS.items()
        ]
        return standings, ends

    def keep_reading(self, into: Standings) -> None:
        """Read for ever; figures that cannot be read anew are taken away."""
        while True:
            try:
                into.newest, into.ends = self.read()
            except KafkaException as error:
                into.newest, into.ends = [], {}
                log.warning("no figures", extra={"cause": str(error)})
            time.sleep(_PERIOD_SECONDS)


def application(settings: Settings) -> Starlette:
    """The exporter's web application: its metrics are the broker's."""
    count_lines()
    standings = Standings()
    REGISTRY.register(standings)
    reader = Reader(Places.from_environment().kafka)
    threading.Thread(target=reader.keep_reading, args=(standings,), daemon=True).start()
    return build(settings, [])
