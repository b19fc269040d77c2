"""The way to Kafka: messages put into topics, and what the broker knows of groups."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from confluent_kafka import (
    OFFSET_INVALID,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from services.pipeline.counts import MESSAGES

_PATIENCE_SECONDS = 10.0
_PROBE_SECONDS = 2.0


@dataclass(frozen=True)
class Put:
    """Where a message came to lie."""

    topic: str
    partition: int
    offset: int


class Bus:
    """A producer whose answers arrive in the event loop; a broker that is away is an error after ten seconds."""

    def __init__(self, bootstrap: str, client: str) -> None:
        self._bootstrap = bootstrap
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "client.id": client,
                "acks": "all",
                # Whoever reads a message twice does nothing the second time, so the broker need not see to it.
                "linger.ms": 5,
                "message.timeout.ms": int(_PATIENCE_SECONDS * 1000),
                "reconnect.backoff.max.ms": 2000,
                "log_level": 3,
            }
        )
        self._stopping = threading.Event()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Bus]:
        """This bus with a thread that hands on the broker's answers; what is under way is sent before it ends."""
        thread = threading.Thread(target=self._hand_on, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            await asyncio.to_thread(self._producer.flush, 5.0)
            self._stopping.set()

    def _hand_on(self) -> None:
        while not self._stopping.is_set():
            self._producer.poll(1.0)

    async def put(self, topic: str, key: str, value: bytes) -> Put:
        """Where the message lies once all in-sync replicas have it; KafkaException where they do not."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Put] = loop.create_future()

        def answered(error: KafkaError | None, message: Message) -> None:
            loop.call_soon_threadsafe(_settle, answer, error, message)

        try:
            self._producer.produce(topic, value, key, callback=answered)
        except BufferError as full:
            raise KafkaException(KafkaError(KafkaError._QUEUE_FULL)) from full
        put = await answer
        MESSAGES.labels(topic, "put").inc()
        return put

    async def answers(self) -> bool:
        """Whether the broker names its topics within two seconds."""
        try:
            await asyncio.to_thread(self._producer.list_topics, timeout=_PROBE_SECONDS)
        except KafkaException:
            return False
        return True

    async def has_topic(self, topic: str) -> bool:
        """Whether the topic is there; False too where the broker does not answer."""
        try:
            found = await asyncio.to_thread(self._producer.list_topics, timeout=_PROBE_SECONDS)
        except KafkaException:
            return False
        return topic in found.topics and bool(found.topics[topic].partitions)


def _settle(answer: asyncio.Future[Put], error: KafkaError | None, message: Message) -> None:
    if answer.cancelled():
        return
    if error is not None:
        answer.set_exception(KafkaException(error))
    else:
        answer.set_result(Put(message.topic(), message.partition(), message.offset()))


class Watcher:
    """Reads a group's committed offsets without joining it; not for two threads at once."""

    def __init__(self, bootstrap: str, group: str) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "enable.auto.commit": False,
                "log_level": 3,
            }
        )

    def partitions(self, topic: str) -> list[int]:
        """The topic's partitions; none where there is no such topic, KafkaException where nobody answers."""
        found = self._consumer.list_topics(topic, timeout=_PROBE_SECONDS).topics[topic]
        return [] if found.error else sorted(found.partitions)

    def committed(self, topic: str) -> dict[int, int]:
        """Partition -> the offset that the group will read next; a partition that it never committed is not there."""
        asked = [TopicPartition(topic, number) for number in self.partitions(topic)]
        found = self._consumer.committed(asked, timeout=_PROBE_SECONDS) if asked else []
        return {place.partition: place.offset for place in found if place.offset != OFFSET_INVALID}

    def ends(self, topic: str) -> dict[int, tuple[int, int]]:
        """Partition -> its first offset and the one that comes after its last."""
        ask = self._consumer.get_watermark_offsets
        return {
            number: ask(TopicPartition(topic, number), timeout=_PROBE_SECONDS, cached=False)
            for number in self.partitions(topic)
        }

    def close(self) -> None:
        """End the connection."""
        self._consumer.close()
