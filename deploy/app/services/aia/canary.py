"""aia-canary: a user of the platform, through its frontend, about one and a half requests a second in all."""

from __future__ import annotations

import http.client
import itertools
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable

from prometheus_client import Counter, Histogram
from starlette.applications import Starlette

from services.metrics import BUCKETS
from services.settings import Settings
from services.web import build

log = logging.getLogger("services.aia.canary")

FRONTEND = os.environ.get("FRONTEND", "aia-frontend:3000")
TARGETS = tuple(os.environ.get("LATENCY_TARGETS", FRONTEND).split())
NO_ANSWER = "000"
_TIMEOUT_SECONDS = 5.0
_TOKEN_FOR_SECONDS = 600.0
_PERIOD_SECONDS = 0.7
_USER = {"name": "canary", "password": "canary-sings"}

REQUESTS = Counter("canary_requests", "Requests of the canary; 000 is no answer.", ["target", "code"])
SECONDS = Histogram(
    "canary_request_duration_seconds", "Time to an answer, or to giving up.", ["target"], buckets=BUCKETS
)
# Fine buckets at the low end: a connection inside one cluster takes well under a millisecond.
CONNECT = Histogram(
    "network_connect_seconds",
    "Time to open a TCP connection.",
    ["target"],
    buckets=(0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0),
)
ROUND_TRIP = Histogram(
    "network_round_trip_seconds",
    "Time to open a connection and to get the first byte of an answer.",
    ["target"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 3.0),
)
CONNECT_FAILED = Counter("network_connect_failures", "Connections that could not be opened.", ["target"])


def exchange(method: str, path: str, body: object = None, token: str = "") -> tuple[int, bytes]:
    """Status and body of one request to the frontend; status 0 where there was no answer."""
    connection = http.client.HTTPConnection(FRONTEND, timeout=_TIMEOUT_SECONDS)
    try:
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {token}"} if token else {}
        )
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        log.warning("no answer", extra={"route": path, "cause": f"{type(error).__name__}: {error}"})
        return 0, b""
    finally:
        connection.close()


def counted(target: str, method: str, path: str, body: object = None, token: str = "") -> tuple[int, bytes]:
    """The same, counted and timed."""
    started = time.perf_counter()
    status, text = exchange(method, path, body, token)
    SECONDS.labels(target).observe(time.perf_counter() - started)
    REQUESTS.labels(target, str(status) if status else NO_ANSWER).inc()
    return status, text


class User:
    """Logs in, looks at its tasks and agents, and now and then writes one."""

    def __init__(self) -> None:
        self._token = ""
        self._until = 0.0
        self._turns = itertools.cycle(
            [self._tasks, self._one, self._agents, self._one, self._page, self._create]
        )

    def turn(self) -> None:
        """The next request."""
        if time.monotonic() > self._until:
            self._log_in()
        elif next(self._turns)() == 401:
            self._until = 0.0

    def _log_in(self) -> None:
        status, text = counted("api", "POST", "/api/v1/token", _USER)
        if status == 200:
            self._token, self._until = str(json.loads(text)["token"]), time.monotonic() + _TOKEN_FOR_SECONDS

    def _tasks(self) -> int:
        return counted("api", "GET", "/api/v1/tasks?limit=5", token=self._token)[0]

    def _one(self) -> int:
        return counted("api", "GET", f"/api/v1/tasks/{1 + int(time.time()) % 200}", token=self._token)[0]

    def _agents(self) -> int:
        return counted("api", "GET", "/api/v1/agents", token=self._token)[0]

    def _page(self) -> int:
        return counted("frontend", "GET", "/")[0]

    def _create(self) -> int:
        task = {"agent_id": 1, "title": "canary"}
        return counted("api", "POST", "/api/v1/tasks", task, self._token)[0]


def connect_to_each() -> None:
    """One connection to each target, timed until it stands and until its first byte comes back."""
    for target in TARGETS:
        host, _, port = target.rpartition(":")
        started = time.perf_counter()
        try:
            with socket.create_connection((host, int(port)), timeout=3.0) as connection:
                CONNECT.labels(target).observe(time.perf_counter() - started)
                connection.sendall(b"HEAD /health HTTP/1.0\r\n\r\n")
                connection.recv(1)
            ROUND_TRIP.labels(target).observe(time.perf_counter() - started)
        except OSError:
            CONNECT_FAILED.labels(target).inc()


def keep_turning(turn: Callable[[], object], period: float) -> None:
    """Call `turn` every `period` seconds for ever; a slow turn delays the next and is not made up for."""
    while True:
        began = time.monotonic()
        turn()
        time.sleep(max(0.05, period - (time.monotonic() - began)))


def application(settings: Settings) -> Starlette:
    """The canary's own web application: its metrics; the traffic runs in threads beside it."""
    for turn, period in ((User().turn, _PERIOD_SECONDS), (connect_to_each, 5.0)):
        threading.Thread(target=keep_turning, args=(turn, period), daemon=True).start()
    return build(settings, [])
