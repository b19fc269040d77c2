"""Requests that nobody should send: without a right, in a wrong form, or far too many. Bounded, and what they leave is named.

They are no state that an undo could take back; what stays of them (rows, messages) the experiment says in `leaves`.
"""

import json
import shlex
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence, TargetError
from rundrill.faults.begin import began
from rundrill.faults.dependency import placed
from rundrill.faults.selected import running
from rundrill.gateway.http import HttpError, Request
from rundrill.gateway.http import send as ask
from rundrill.session import Session
from rundrill.units import rate as parsed_rate

MOST, FASTEST = 5000, 100.0
"""Requests, and requests a second, that one flood may send."""
AT_ONCE = 32
FELT = 0.9
PRODUCER_S = 60
"""What Kafka's own client takes to begin and to end."""
_PRODUCE = """
PATH=$PATH:/opt/kafka/bin
i=0; while [ $i -lt {number} ]; do printf '%s\\n' {body}; i=$((i + 1)); sleep {pause:.3f}; done |
    kafka-console-producer.sh {words} >/dev/null
"""


def preview(session: Session, runbook: str, service: str) -> guard.Preview:
    """The service that is asked."""
    space, name = placed(session, runbook, service)
    session.kube.one("v1/Service", space, name.partition(":")[0])
    return guard.Preview("flood", space, f"Service {name}", (name,), 1, at_once=False)


def send(
    service: str,
    path: str,
    rate: str,
    number: int,
    leaves: str,
    configuration: Mapping[str, Any],
    method: str = "GET",
    body: Mapping[str, Any] | str | None = None,
    headers: Mapping[str, str] | None = None,
    expect: Sequence[int] | None = None,
) -> dict[str, int]:
    """How many answers there were of each status. NoEvidence where a tenth was not answered, or not with what `expect` says.

    `rate` is such as `10/s`; `{n}` in the body stands for the number of the request. `leaves` names what stays of them.
    """
    per_s = parsed_rate(rate).per_second
    if number > MOST or per_s > FASTEST or not leaves:
        raise TargetError(f"a flood sends at most {MOST} requests and {FASTEST:g}/s, and says what it leaves")
    session, runbook = child.session(), str(configuration["runbook"])
    guard.allow(session, preview(session, runbook, service), configuration)
    space, name = placed(session, runbook, service)
    address = session.reach(f"{space}/{name}")
    began(f"{number} times {method} {path} to {service} at {rate}; leaves {leaves}", "http", procedure=False)
    asked = [Request(path, method, dict(headers or {}), _content(body, n)) for n in range(number)]
    counted = _poured(address, asked, per_s)
    said = ", ".join(f"{count} times {status}" for status, count in sorted(counted.items()))
    wanted = expect or [int(status) for status in counted if status.isdecimal()]
    if sum(counted[str(status)] for status in wanted) < FELT * number:
        raise NoEvidence(f"{service}{path}: {said}; expected {wanted or 'an answer'}")
    hops.note(child.directory(), "fault_proven", datetime.now(UTC), "http", f"{service}{path}: {said}")
    return dict(counted)


def _poured(address: tuple[str, int], asked: Sequence[Request], per_s: float) -> Counter[str]:
    """Status, or `none` without an answer, to how often it came; each request leaves at its time, whatever became of others."""
    began = time.monotonic()

    def one(numbered: tuple[int, Request]) -> str:
        time.sleep(max(0.0, began + numbered[0] / per_s - time.monotonic()))
        try:
            return str(ask(address, "http", numbered[1]).status)
        except HttpError:
            return "none"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return Counter(pool.map(one, enumerate(asked)))


def _content(body: Mapping[str, Any] | str | None, number: int) -> bytes | None:
    if body is None:
        return None
    text = body if isinstance(body, str) else json.dumps(dict(body))
    return text.replace("{n}", str(number)).encode()


def preview_queue(session: Session, runbook: str, namespace: str, topic: str) -> guard.Preview:
    """The topic that is written to."""
    space = session.namespace(runbook, namespace)
    return guard.Preview("flood", space, f"topic {topic}", (topic,), 1, at_once=False)


def produce(
    namespace: str,
    selector: str,
    topic: str,
    body: str,
    rate: str,
    number: int,
    leaves: str,
    configuration: Mapping[str, Any],
    bootstrap: str = "localhost:9092",
    container: str | None = None,
) -> str:
    """How many messages the topic holds more, by the brokers' own offsets; written by a client inside a pod of the broker.

    Messages cannot be taken back: `leaves` says what becomes of them.
    """
    per_s = parsed_rate(rate).per_second
    if number > MOST or per_s > FASTEST or not leaves:
        raise TargetError(
            f"a flood writes at most {MOST} messages and {FASTEST:g}/s, and says what it leaves"
        )
    session, runbook = child.session(), str(configuration["runbook"])
    guard.allow(session, preview_queue(session, runbook, namespace, topic), configuration)
    pod = next(iter(running(session, session.namespace(runbook, namespace), selector)), None)
    if pod is None:
        raise TargetError(f"no pod of {selector} runs in {namespace}")
    before = _end(session, runbook, topic)
    began(f"{number} messages into {topic} at {rate}; leaves {leaves}", "kafka", procedure=False)
    words = " ".join(shlex.quote(one) for one in ("--bootstrap-server", bootstrap, "--topic", topic))
    script = _PRODUCE.format(number=number, pause=1 / per_s, body=shlex.quote(body), words=words)
    meta = pod["metadata"]
    within = number / per_s + PRODUCER_S
    done = session.kube.exec(meta["namespace"], meta["name"], container, ["sh", "-c", script], timeout=within)
    more = _end(session, runbook, topic) - before
    if done.code or more < FELT * number:
        raise NoEvidence(f"{topic}: {more} of {number} messages came; the producer ended with {done.code}")
    said = f"{topic} holds {more} messages more"
    hops.note(child.directory(), "fault_proven", datetime.now(UTC), "kafka", said)
    return said


def _end(session: Session, runbook: str, topic: str) -> int:
    kafka = session.kafka(runbook)
    found = kafka.topics().get(topic)
    if found is None:
        raise TargetError(f"Kafka of {runbook} has no topic {topic!r}")
    return sum(kafka.ends((topic, number) for number in range(len(found.leaders))).values())
