"""Break platform ai-pipeline in many places at once, and see exactly the promises fail that should, each for its cause."""

import contextlib
import re
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from breaking import not_met, paused, settled
from workbench import opened

from rundrill.gateway.kubernetes import NotFound
from rundrill.session import Session
from rundrill.verdict import Outcome, Verdict
from rundrill.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.on("ai-pipeline")]

SPACE = "ai-pipeline"
SOON = timedelta(seconds=90)
DEPLOYMENT = "apps/v1/Deployment"

type Json = dict[str, Any]

# What is broken, by the promises that must tell of it, and what each must say.
BROKEN = {
    "ai-pipeline.cache.no-persistent-request-keys": r"without_expiry is 1, expected 0",
    "ai-pipeline.cache.replication-info": r"connected_slaves is 0, expected 1",
    "ai-pipeline.config.cpu-request": r"request is 250m, expected 500m",
    "ai-pipeline.config.cpu-limit": r"cpu is 2, expected",
    "ai-pipeline.config.java-opts": r"MaxHeapSize is 1073741824, expected 2147483648",
    "ai-pipeline.messaging.consumer-fetch-min-bytes": r"fetch_min_bytes is 1, expected 50000",
    "ai-pipeline.messaging.consumer-fetch-max-wait-ms": r"fetch_max_wait_ms is 100, expected 500",
    "ai-pipeline.messaging.consumer-max-poll-records": r"triage-agent.* is not there",
    "ai-pipeline.messaging.triage-group": r"(?s)(?=.*state is Empty)(?=.*unowned is 6)",
    "ai-pipeline.messaging.lag-all-groups": r"triage-agent-group.*(lag is \d{4}|members is 0)",
    "ai-pipeline.messaging.processing-bottlenecks": r"is -[\d.]+, expected at least -20",
    "ai-pipeline.messaging.topics-present": r"issue-events.* is not there",
    "ai-pipeline.backup.configmaps-secrets": r"equal is false, expected true",
    "ai-pipeline.health.api": r"openai is down, expected up",
    "ai-pipeline.security.network-connections": r"strangers 1",
    "ai-pipeline.deploy.pre-checks": r"replicas is 0, expected at least 1",
}
# Any breakage makes Kubernetes warn, and a warning stays in the first for ten minutes; the second counts pods, of which
# a breakage leaves one less once the metrics server has noticed.
LATER = ("ai-pipeline.health.pods", "ai-pipeline.capacity.usage")


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with tempfile.TemporaryDirectory() as directory, opened(Path(directory), disruptive=False) as session:
        yield session


@pytest.fixture(scope="module")
def healthy(session: Session) -> dict[str, Verdict]:
    export(session)
    return settled(session, SPACE, {}, leaving=LATER)


def export(session: Session) -> None:
    """One more backup: the newest may be of before the configuration changed last."""
    job = session.kube.one("batch/v1/CronJob", SPACE, "automated-backup")["spec"]["jobTemplate"]
    name = f"for-the-tests-{datetime.now(UTC):%H%M%S}"
    session.kube.create("batch/v1/Job", SPACE, {"metadata": {"name": name}, "spec": job["spec"]})
    try:
        one = partial(session.kube.one, "batch/v1/Job", SPACE, name)
        assert until(lambda: one()["status"].get("succeeded") == 1, SOON)
    finally:
        session.kube.delete("batch/v1/Job", SPACE, name)


@pytest.fixture(scope="module")
def broken(session: Session, healthy: dict[str, Verdict]) -> Iterator[dict[str, Verdict]]:
    with contextlib.ExitStack() as undoing:
        break_all(session, undoing)
        yield settled(session, SPACE, BROKEN, leaving=LATER)


def break_all(session: Session, undoing: contextlib.ExitStack) -> None:
    """Every breakage; none hides another."""
    # An export of now would hold what is new, and be equal to what is wrong; maintenance makes every key run out.
    undoing.enter_context(paused(session, SPACE, "automated-backup", "redis-maintenance"))
    right = session.kube.one("v1/ConfigMap", SPACE, "consumer-config")["data"]
    wrong = {"metadata": {"name": "wrong-consumer"}, "data": right | {"consumer.properties": WRONG}}
    made(session, undoing, "v1/ConfigMap", wrong)
    patched(session, undoing, "v1/ConfigMap", "pipeline-config", {"data": NEW}, {"data": dict.fromkeys(NEW)})
    patched(session, undoing, DEPLOYMENT, "ticket-agent", wrong_agent(), right_agent())
    for name, replicas in (("triage-agent", 2), ("redis-replica", 1), ("openai", 1)):
        patched(session, undoing, DEPLOYMENT, name, scaled(0), scaled(replicas))
    # Paused, so that no pod is replaced: the promise is about what is asked for.
    patched(
        session, undoing, DEPLOYMENT, "ai-pipeline", {"spec": {"paused": True}}, {"spec": {"paused": None}}
    )
    patched(session, undoing, DEPLOYMENT, "ai-pipeline", sized("250m", "2"), sized("500m", "1"))
    inside(session, undoing, "redis", ["redis-cli", "set", KEY, "x"], ["redis-cli", "del", KEY])
    inside(session, undoing, "kafka-exporter", ["python3", "-c", DROP_TOPIC], MAKE_TOPICS)
    # The group must be empty, or the agents would have read the flood before anybody looks.
    assert until(lambda: not pods(session, "triage-agent"), timedelta(seconds=60))
    inside(session, undoing, "kafka-exporter", ["python3", "-c", FLOOD], ["true"])
    inside(session, undoing, "ai-pipeline", ["bash", "-c", TALK_TO_A_STRANGER], ["bash", "-c", HANG_UP])


def patched(
    session: Session, undoing: contextlib.ExitStack, api: str, name: str, change: Json, undo: Json
) -> None:
    """An object changed until the context ends."""
    undoing.callback(session.kube.patch, api, SPACE, name, undo, "strategic")
    session.kube.patch(api, SPACE, name, change, "strategic")


def made(session: Session, undoing: contextlib.ExitStack, api: str, body: Json) -> None:
    """A new object, gone when the context ends."""
    name = body["metadata"]["name"]
    with contextlib.suppress(NotFound):
        session.kube.delete(api, SPACE, name)
    undoing.callback(session.kube.delete, api, SPACE, name)
    session.kube.create(api, SPACE, body)


def pods(session: Session, app: str) -> list[str]:
    return [pod["metadata"]["name"] for pod in session.kube.items("v1/Pod", SPACE, selector=f"app={app}")]


def inside(
    session: Session, undoing: contextlib.ExitStack, app: str, change: list[str], undo: list[str]
) -> None:
    """A command run in a pod of that app, and another in the same pod when the context ends."""
    pod = pods(session, app)[0]
    undoing.callback(session.kube.exec, SPACE, pod, app, undo)
    done = session.kube.exec(SPACE, pod, app, change)
    assert done.code == 0, done


def scaled(replicas: int) -> Json:
    return {"spec": {"replicas": replicas}}


def sized(request: str, limit: str) -> Json:
    resources = {"requests": {"cpu": request}, "limits": {"cpu": limit}}
    return {"spec": {"template": {"spec": {"containers": [{"name": "ai-pipeline", "resources": resources}]}}}}


def agent(options: Json, config_map: str) -> Json:
    """ticket-agent with these JVM options, and that ConfigMap's consumer settings."""
    container = {"name": "ticket-agent", "env": [{"name": "JAVA_OPTS", **options}]}
    volume = {"name": "consumer", "configMap": {"name": config_map}}
    return {"spec": {"template": {"spec": {"containers": [container], "volumes": [volume]}}}}


def wrong_agent() -> Json:
    return agent({"value": "-Xmx1g -Xms1g -XX:+UseG1GC", "valueFrom": None}, "wrong-consumer")


def right_agent() -> Json:
    source = {"configMapKeyRef": {"name": "consumer-config", "key": "JAVA_OPTS"}}
    return agent({"value": None, "valueFrom": source}, "consumer-config")


KEY = "request:without-an-end"
WRONG = "fetch.min.bytes=1\nfetch.max.wait.ms=100\nmax.poll.records=1000\n"
NEW = {"SINCE_THE_EXPORT": "yes"}
DROP_TOPIC = """
from confluent_kafka.admin import AdminClient
admin = AdminClient({"bootstrap.servers": "kafka:9092"})
admin.delete_topics(["issue-events"])["issue-events"].result(20)
"""
MAKE_TOPICS = ["env", "ROLE=kafka-topics", "python3", "-m", "services"]
FLOOD = """
import json
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": "kafka:9092"})
for number in range(1500):
    name = f"nobody-{number}"
    producer.produce("bug-reports", json.dumps({"id": name, "title": "flood"}), name)
assert producer.flush(30) == 0
"""
TALK_TO_A_STRANGER = (
    "(exec 3<>/dev/tcp/object-store/8000; exec sleep 600) > /dev/null 2>&1 & echo $! > /tmp/stranger"
)
HANG_UP = "kill $(cat /tmp/stranger); rm /tmp/stranger"


def test_a_healthy_pipeline_keeps_every_promise(healthy: dict[str, Verdict]) -> None:
    assert not_met(healthy) == {}


@pytest.mark.parametrize("promise", BROKEN)
def test_a_breakage_is_told_by_its_promise(broken: dict[str, Verdict], promise: str) -> None:
    assert broken[promise].outcome is Outcome.MISSED, broken[promise].reason
    assert re.search(BROKEN[promise], broken[promise].reason), broken[promise].reason


def test_no_other_promise_suffers_from_the_breakages(broken: dict[str, Verdict]) -> None:
    assert {name: reason for name, reason in not_met(broken).items() if name not in BROKEN} == {}
