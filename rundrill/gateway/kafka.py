"""Kafka by kafka-python's admin client; only what reads.

Brokers advertise names that only their own cluster can resolve. The client asks a "proxy" of ours for the address of
each, and that leads every connection through the session's way to the broker.
"""

import itertools
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError
from kafka.net.inet import KafkaNetSocket

from rundrill.errors import NoEvidence, TargetError

type Way = Callable[[str, int], tuple[str, int]]
"""An advertised host and port -> where they are reached from here; TargetError where they are not."""

TIMEOUT_MS = 5000
_EARLIEST, _LATEST = -2, -1
_NO_LEADER = -1


@dataclass(frozen=True)
class Topic:
    """One topic: leader, replicas and replicas in sync of each partition."""

    leaders: tuple[int, ...]
    replicas: tuple[tuple[int, ...], ...]
    in_sync: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Group:
    """One consumer group: state, members, and the partitions that somebody owns."""

    state: str
    members: int
    owned: frozenset[tuple[str, int]]


class _OurWay(KafkaNetSocket):  # type: ignore[misc]
    """Connects to where the way of one client leads."""

    SCHEMES = ("rundrill",)
    ways: Mapping[str, Way] = {}

    def __init__(self, proxy_url: str) -> None:
        self._way = self.ways[proxy_url.removeprefix("rundrill://")]

    def dns_lookup(self, host: str, port: int, raise_error: bool = False) -> list[Any]:
        try:
            return socket.getaddrinfo(*self._way(host, port), type=socket.SOCK_STREAM)
        except (TargetError, OSError):
            return []


_numbers = itertools.count(1)


class Kafka:
    """The brokers behind one address."""

    def __init__(self, bootstrap: str, way: Way) -> None:
        self._bootstrap = bootstrap
        self._name = f"way-{next(_numbers)}"
        _OurWay.ways = {**_OurWay.ways, self._name: way}
        self._client = self._asked(lambda: self._open(bootstrap))

    def close(self) -> None:
        """Gives the connections back."""
        self._client.close()

    def brokers(self) -> tuple[list[int], int]:
        """The ids of the brokers that answer, and of the controller."""
        said = self._asked(self._client.describe_cluster)
        there = [one["broker_id"] for one in said["brokers"] if not one.get("is_fenced")]
        return sorted(there), int(said["controller_id"])

    def topics(self) -> dict[str, Topic]:
        """Every topic by name; asked for together, since a broker may create a topic that is asked for by name."""
        found = {}
        for one in self._asked(self._client.describe_topics):
            parts = sorted(one["partitions"], key=lambda part: int(part["partition_index"]))
            found[str(one["name"])] = Topic(
                tuple(int(part["leader_id"]) for part in parts),
                tuple(tuple(part["replica_nodes"]) for part in parts),
                tuple(tuple(part["isr_nodes"]) for part in parts),
            )
        return found

    def configs(self, topics: Iterable[str]) -> dict[str, dict[str, str]]:
        """Every setting of each topic, defaults too."""
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in topics]
        said = self._asked(lambda: self._client.describe_configs(asked, config_filter="all"))
        return {
            topic: {name: str(config["value"]) for name, config in settings.items()}
            for topic, settings in said.get("topic", {}).items()
        }

    def group_names(self) -> list[str]:
        """Every consumer group that the brokers know."""
        return sorted(str(one["group_id"]) for one in self._asked(self._client.list_groups))

    def groups(self, names: Iterable[str]) -> dict[str, Group]:
        """State and members of each group."""
        wanted = list(names)
        said = self._asked(lambda: self._client.describe_groups(wanted)) if wanted else {}
        return {name: _group(name, one) for name, one in said.items()}

    def committed(self, names: Iterable[str]) -> dict[str, dict[tuple[str, int], int]]:
        """Group -> topic and partition -> the offset that it has committed; none where it has not."""
        wanted = dict.fromkeys(names)
        said = self._asked(lambda: self._client.list_group_offsets(wanted)) if wanted else {}
        return {
            name: {
                (at.topic, at.partition): int(one.offset) for at, one in offsets.items() if one.offset >= 0
            }
            for name, offsets in said.items()
        }

    def ends(self, parts: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """The offset after the last message of each partition."""
        return self._offsets(parts, _LATEST)

    def starts(self, parts: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """The offset of the first message that is still there, of each partition."""
        return self._offsets(parts, _EARLIEST)

    def _offsets(self, parts: Iterable[tuple[str, int]], which: int) -> dict[tuple[str, int], int]:
        wanted = {TopicPartition(*part): which for part in parts}
        said = self._asked(lambda: self._client.list_partition_offsets(wanted)) if wanted else {}
        return {(at.topic, at.partition): int(one.offset) for at, one in said.items()}

    def _open(self, bootstrap: str) -> Any:
        return KafkaAdminClient(
            bootstrap_servers=bootstrap,
            client_id="rundrill",
            proxy_url=f"rundrill://{self._name}",
            request_timeout_ms=TIMEOUT_MS,
            bootstrap_timeout_ms=TIMEOUT_MS,
            reconnect_backoff_max_ms=200,
        )

    def _asked[T](self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except (KafkaError, OSError) as error:
            said = " ".join(str(error).split()) or type(error).__name__
            raise NoEvidence(f"Kafka at {self._bootstrap} does not answer: {said[:200]}") from None


def _group(name: str, said: Mapping[str, Any]) -> Group:
    if said.get("error") and "NotFound" not in str(said["error"]):
        raise NoEvidence(f"Kafka does not describe the group {name}: {said['error']}")
    owned = {
        (part["topic"], int(number))
        for member in said["members"]
        for part in (member.get("member_assignment") or {}).get("assigned_partitions", ())
        for number in part["partitions"]
    }
    return Group(str(said["group_state"]), len(said["members"]), frozenset(owned))
