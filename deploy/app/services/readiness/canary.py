"""readiness-canary: a user of the platform, through the gateway, about one and a half requests a second."""

from __future__ import annotations

import http.client
import itertools
import json
import logging
import os
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator

from prometheus_client import Counter, Histogram
from starlette.applications import Starlette

from services.metrics import BUCKETS
from services.readiness.surroundings import Surroundings
from services.settings import Settings
from services.web import build

log = logging.getLogger("services.readiness.canary")

REQUESTS = Counter("canary_requests", "Requests of the canary; 000 is no answer.", ["service", "code"])
SECONDS = Histogram(
    "canary_request_duration_seconds", "Time to an answer, or to giving up.", ["service"], buckets=BUCKETS
)
_TIMEOUT_SECONDS = 5.0
_JOB_SECONDS = float(os.environ.get("CANARY_JOB_SECONDS", "45"))


class User:
    """One connection to the gateway, opened again where it breaks."""

    def __init__(self, surroundings: Surroundings) -> None:
        address = urllib.parse.urlsplit(surroundings.gateway)
        self._connection = http.client.HTTPConnection(
            str(address.hostname), address.port, timeout=_TIMEOUT_SECONDS
        )
        self._operator = {"Authorization": f"Bearer {surroundings.api_token}"}
        self._login = {"username": "canary", "password": surroundings.canary_password}
        self._numbers: Iterator[int] = itertools.cycle(range(1, 9))

    def look(self) -> None:
        """One dataset of the eight that everybody looks at."""
        self.ask("GET", f"/api/v1/datasets/{next(self._numbers)}")

    def log_in(self) -> None:
        """A session, and a look at it."""
        answer = self.ask("POST", "/api/v1/login", self._login)
        if isinstance(answer, dict) and "token" in answer:
            self.ask("GET", "/api/v1/me", headers={"Authorization": f"Bearer {answer['token']}"})

    def submit(self) -> None:
        """A job for one of the pipelines in turn."""
        number = next(self._numbers)
        pipeline = ("readiness", "cleaning")[number % 2]
        self.ask("POST", "/api/v1/jobs", {"pipeline": pipeline, "dataset_id": number})

    def operate(self) -> None:
        """What operators look at."""
        self.ask("GET", "/api/v1/pipelines/status", headers=self._operator)
        self.ask("GET", "/api/v1/quality/trends?days=7", headers=self._operator)

    def ask(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> object:
        """The JSON answer, None where there was none; counted and timed."""
        started, status, answer = time.perf_counter(), 0, None
        try:
            payload = None if body is None else json.dumps(body)
            self._connection.request(
                method, path, payload, {"Content-Type": "application/json"} | (headers or {})
            )
            response = self._connection.getresponse()
            text = response.read()
            status, answer = response.status, json.loads(text)
        except (OSError, http.client.HTTPException, ValueError) as error:
            log.warning("no answer", extra={"route": path, "cause": f"{type(error).__name__}: {error}"})
            self._connection.close()
        SECONDS.labels("readiness-app").observe(time.perf_counter() - started)
        REQUESTS.labels("readiness-app", str(status) if status else "000").inc()
        return answer


def keep_turning(turn: Callable[[], None], period: float) -> None:
    """Call `turn` every `period` seconds for ever, the first time a period from now; a slow turn delays the next."""
    # A platform that comes up has no workers yet: a job that waits for them would count as a slow one.
    time.sleep(period)
    while True:
        began = time.monotonic()
        turn()
        time.sleep(max(0.0, period - (time.monotonic() - began)))


def application(settings: Settings) -> Starlette:
    """The canary's own web application: its metrics; the traffic runs in threads beside it."""
    surroundings = Surroundings.from_environment()
    turns = [("look", 0.8), ("log_in", 20.0), ("submit", _JOB_SECONDS), ("operate", 15.0)]
    for act, period in turns:
        # A connection of its own for each, so that a slow answer holds up only its own kind.
        threading.Thread(
            target=keep_turning, args=(getattr(User(surroundings), act), period), daemon=True
        ).start()
    return build(settings, [])
