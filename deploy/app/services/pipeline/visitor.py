"""pipeline-canary: somebody outside who asks /health every second, and reports a bug every two seconds and waits for its issue."""

from __future__ import annotations

import http.client
import json
import logging
import os
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field

from prometheus_client import Counter, Histogram
from starlette.applications import Starlette

from services.pipeline.counts import count_lines
from services.pipeline.places import Places
from services.settings import Settings
from services.web import build

log = logging.getLogger("services.pipeline.visitor")

ADDRESS = os.environ.get("INGRESS_ADDRESS", "api-gateway.ai-pipeline")
AUTHORITY = os.environ.get("INGRESS_CA", "/etc/ingress-ca/ca.crt")
HOST = "api.ai-pipeline.com"
_TIMEOUT_SECONDS = 5.0
_GIVE_UP_SECONDS = 600.0
_START_SECONDS = 300.0

PROBES = Counter("canary_probes", "Requests for /health from outside; 000 is no answer.", ["code"])
REPORTS = Counter("canary_reports", "Bug reports by what became of them.", ["outcome"])
REQUESTS = Counter(
    "canary_requests", "Requests of the canary by code; 000 is no answer.", ["service", "code"]
)
PROBE_SECONDS = Histogram("canary_probe_duration_seconds", "Time to an answer of /health.")
TO_ISSUE = Histogram(
    "canary_time_to_issue_seconds",
    "From the acceptance of a report to its issue, as its author sees it.",
    buckets=(1, 2, 5, 10, 30, 60, 120, 300, 600),
)


class Front(http.client.HTTPSConnection):
    """A TLS connection to the front door in the host's name, its certificate verified."""

    def connect(self) -> None:
        """Connect to the gateway's address."""
        plain = socket.create_connection((ADDRESS, 443), self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = ssl.create_default_context(cafile=AUTHORITY).wrap_socket(plain, server_hostname=HOST)


@dataclass
class Visitor:
    """One line to the front door, opened anew after a failure."""

    key: str = ""
    _front: Front | None = None

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, object]]:
        """The status and the JSON answer; status 0 where there was none."""
        status: int = 0
        answer: dict[str, object] = {}
        try:
            status, answer = self._exchange(method, path, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            log.warning("no answer", extra={"route": path, "cause": f"{type(error).__name__}: {error}"})
            if self._front:
                self._front.close()
            self._front = None
        REQUESTS.labels("ai-pipeline", str(status) if status else "000").inc()
        return status, answer

    def _exchange(self, method: str, path: str, body: object) -> tuple[int, dict[str, object]]:
        self._front = self._front or Front(HOST, timeout=_TIMEOUT_SECONDS)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"}
        self._front.request(method, path, None if body is None else json.dumps(body), headers)
        response = self._front.getresponse()
        return response.status, json.loads(response.read())


@dataclass
class Author:
    """Reports bugs and asks after those that are still open."""

    visitor: Visitor
    _open: dict[str, float] = field(default_factory=dict)
    _number: int = 0

    def turn(self) -> None:
        """One more bug report, and one look at the oldest one that is open."""
        self._number += 1
        title = f"canary {self._number}: the page is slow"
        status, answer = self.visitor.ask("POST", "/api/v1/requests", {"title": title})
        if status == 202:
            REPORTS.labels("accepted").inc()
            self._open[str(answer["id"])] = time.monotonic()
        for report, since in list(self._open.items())[:3]:
            self._look(report, since)

    def _look(self, report: str, since: float) -> None:
        status, answer = self.visitor.ask("GET", f"/api/v1/requests/{report}")
        if status == 200 and answer["status"] == "done":
            TO_ISSUE.observe(float(str(answer["done_at"])) - float(str(answer["accepted_at"])))
            self._close(report, "issue")
        elif status in (200, 404) and (status == 404 or answer["status"] == "failed"):
            self._close(report, "failed")
        elif time.monotonic() - since > _GIVE_UP_SECONDS:
            self._close(report, "lost")

    def _close(self, report: str, outcome: str) -> None:
        REPORTS.labels(outcome).inc()
        self._open.pop(report)


def probe(visitor: Visitor) -> None:
    """One request for /health."""
    began = time.perf_counter()
    status, _ = visitor.ask("GET", "/health")
    PROBE_SECONDS.observe(time.perf_counter() - began)
    PROBES.labels(str(status) if status else "000").inc()


def application(settings: Settings) -> Starlette:
    """The canary's own web application: its metrics; the visits run in threads beside it."""
    count_lines()
    for outcome in ("accepted", "issue", "failed", "lost"):
        REPORTS.labels(outcome)
    author, visitor = Author(Visitor(Places.from_environment().api_key)), Visitor()
    for turn, period in ((author.turn, 2.0), (lambda: probe(visitor), 1.0)):
        threading.Thread(target=_keep_turning, args=(turn, period), daemon=True).start()
    return build(settings, [])


def _await_the_service(visitor: Visitor) -> None:
    """Return when the service is up, or was given long enough to come up: what was never there cannot go down."""
    until = time.monotonic() + _START_SECONDS
    while visitor.ask("GET", "/health")[0] != 200 and time.monotonic() < until:
        time.sleep(2)


def _keep_turning(turn: object, period: float) -> None:
    assert callable(turn)
    _await_the_service(Visitor())
    while True:
        began = time.monotonic()
        try:
            turn()
        except Exception:
            log.exception("a turn failed")
        time.sleep(max(0.0, period - (time.monotonic() - began)))
