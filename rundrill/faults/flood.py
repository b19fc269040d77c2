"""Requests that nobody should send: without a right, in a wrong form, or far too many. Bounded, and what they leave is named.

They are no state that an undo could take back; what stays of them (rows, messages) the experiment says in `leaves`.
"""

import json
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
from rundrill.gateway.http import HttpError, Request
from rundrill.gateway.http import send as ask
from rundrill.session import Session
from rundrill.units import rate as parsed_rate

MOST, FASTEST = 5000, 100.0
"""Requests, and requests a second, that one flood may send."""
AT_ONCE = 32
FELT = 0.9


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
