"""Kafka's topics, consumer groups and brokers, as its admin protocol tells them."""

import time
from typing import TYPE_CHECKING

from rundrill.asking import StateAnswer, answered
from rundrill.evidence import Reading, StateSeen, Value
from rundrill.probe import KafkaProbe
from rundrill.session import Session

if TYPE_CHECKING:
    from rundrill.gateway.kafka import Group, Kafka, Topic

type Facts = dict[str, Value]
type Part = tuple[str, int]


def see_kafka(probe: KafkaProbe, session: Session, slug: str) -> StateAnswer:
    """A reading of each topic or group that was named, of every group, or of the brokers together."""
    broker = session.kafka(slug)
    started = time.perf_counter()
    found = _topics(broker, probe.topics) if probe.topics else _groups_or_brokers(broker, probe)
    took = round(time.perf_counter() - started, 4)
    readings = tuple(Reading(name, {**facts, "took": took}) for name, facts in found.items())
    asked = f"topics {', '.join(probe.topics)}" if probe.topics else "brokers" if probe.brokers else "groups"
    return StateSeen(readings), (answered("kafka", asked, found),)


def _groups_or_brokers(broker: "Kafka", probe: KafkaProbe) -> dict[str, Facts]:
    if probe.brokers:
        there, controller = broker.brokers()
        return {"brokers": {"brokers": len(there), "controller": controller if controller in there else None}}
    known = broker.group_names()
    wanted = tuple(known) if probe.all else probe.groups
    return _groups(broker, [name for name in wanted if name in known]) | {
        name: {"found": False} for name in wanted if name not in known
    }


def _topics(broker: "Kafka", names: tuple[str, ...]) -> dict[str, Facts]:
    known = broker.topics()
    there = [name for name in names if name in known]
    configs = broker.configs(there) if there else {}
    parts = [(name, number) for name in there for number in _led(known[name])]
    ends, starts = broker.ends(parts), broker.starts(parts)
    found: dict[str, Facts] = {}
    for name in names:
        if name not in known:
            found[name] = {"found": False}
            continue
        found[name] = {"found": True, **_topic(known[name])}
        if len(_led(known[name])) == len(known[name].leaders):
            found[name]["messages"] = sum(ends[part] - starts[part] for part in parts if part[0] == name)
        found[name] |= {f"config.{key}": value for key, value in configs.get(name, {}).items()}
    return found


def _led(topic: "Topic") -> list[int]:
    return [number for number, leader in enumerate(topic.leaders) if leader >= 0]


def _topic(topic: "Topic") -> Facts:
    return {
        "partitions": len(topic.leaders),
        "replication": min((len(replicas) for replicas in topic.replicas), default=0),
        "leaders": len(_led(topic)),
        "in_sync": min((len(in_sync) for in_sync in topic.in_sync), default=0),
        "under_replicated": sum(
            len(in_sync) < len(replicas)
            for replicas, in_sync in zip(topic.replicas, topic.in_sync, strict=True)
        ),
    }


def _groups(broker: "Kafka", names: list[str]) -> dict[str, Facts]:
    described, committed, known = broker.groups(names), broker.committed(names), broker.topics()
    parts = {name: _parts(described[name], committed.get(name, {}), known) for name in names}
    every = sorted({part for each in parts.values() for part in each})
    ends = broker.ends(every)
    never = sorted({part for name in names for part in parts[name] if part not in committed.get(name, {})})
    starts = broker.starts(never)
    found: dict[str, Facts] = {}
    for name in names:
        facts: Facts = {"found": True, "state": described[name].state, "members": described[name].members}
        lags = [
            max(0, ends[part] - committed.get(name, {}).get(part, starts.get(part, 0)))
            for part in parts[name]
        ]
        if lags:
            unowned = len(set(parts[name]) - described[name].owned)
            facts |= {"unowned": unowned, "lag": sum(lags), "lag_most": max(lags)}
        found[name] = facts
    return found


def _parts(group: "Group", committed: dict[Part, int], known: dict[str, "Topic"]) -> list[Part]:
    """Every partition of every topic that the group owns a part of or has read of."""
    topics = {topic for topic, _ in group.owned} | {topic for topic, _ in committed}
    return [
        (topic, number)
        for topic in sorted(topics)
        if topic in known
        for number in range(len(known[topic].leaders))
    ]
