"""canary: a user of the platform, through the ingress, about five requests a second in all."""

from __future__ import annotations

import http.client
import json
import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from prometheus_client import Counter, Histogram
from starlette.applications import Starlette

from services.metrics import BUCKETS
from services.settings import Settings
from services.web import build

log = logging.getLogger("services.aipaas.canary")

INGRESS = os.environ.get("INGRESS_ADDRESS", "istio-ingressgateway.istio-system")
CA_FILE = os.environ.get("INGRESS_CA", "/etc/ingress-ca/ca.crt")
DOMAIN = "aic-aipaas.local"
NO_ANSWER = "000"
_TIMEOUT_SECONDS = 5.0
_USER = {"username": "canary", "password": "canary-sings"}

REQUESTS = Counter("canary_requests", "Requests of the canary; 000 is no answer.", ["service", "code"])
SECONDS = Histogram(
    "canary_request_duration_seconds", "Time to an answer, or to giving up.", ["service"], buckets=BUCKETS
)


class Connection(http.client.HTTPSConnection):
    """A TLS connection to the ingress, in the name of one of its hosts."""

    def connect(self) -> None:
        """Connect to the ingress's address, and verify its certificate for this host name."""
        plain = socket.create_connection((INGRESS, 443), self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = ssl.create_default_context(cafile=CA_FILE).wrap_socket(plain, server_hostname=self.host)


@dataclass
class Flow:
    """Requests to one service, one after another, each counted with its code and time."""

    service: str
    host: str
    headers: dict[str, str] = field(default_factory=dict)
    _connection: Connection | None = None

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, object]:
        """The status and the JSON answer; status 0 where there was none."""
        started = time.perf_counter()
        status, answer = 0, None
        try:
            status, answer = self._exchange(method, path, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            log.warning("no answer", extra={"route": path, "cause": f"{type(error).__name__}: {error}"})
            self._hang_up()
        SECONDS.labels(self.service).observe(time.perf_counter() - started)
        REQUESTS.labels(self.service, str(status) if status else NO_ANSWER).inc()
        return status, answer

    def _exchange(self, method: str, path: str, body: object) -> tuple[int, object]:
        connection = self._connection or Connection(self.host, timeout=_TIMEOUT_SECONDS)
        self._connection = connection
        payload = None if body is None else json.dumps(body)
        connection.request(method, path, payload, self.headers | {"Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read()
        is_json = response.headers.get_content_type() == "application/json"
        return response.status, json.loads(text) if is_json else None

    def _hang_up(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None


def sessions() -> Callable[[], None]:
    """Each call: one login, or one look at the session it opened."""
    flow = Flow("auth-service", f"auth.{DOMAIN}")
    token: list[str] = []

    def turn() -> None:
        if token:
            flow.headers["Authorization"] = f"Bearer {token.pop()}"
            flow.ask("GET", "/auth/session")
            return
        status, answer = flow.ask("POST", "/auth/login", _USER)
        if status == 200 and isinstance(answer, dict):
            token.append(str(answer["token"]))

    return turn


def reads(service: str, host: str, path: str) -> Callable[[], None]:
    """Each call: one GET."""
    flow = Flow(service, f"{host}.{DOMAIN}")
    return lambda: (flow.ask("GET", path), None)[1]


def predictions() -> Callable[[], None]:
    """Each call: one prediction."""
    flow = Flow("inference-service", f"ai.{DOMAIN}")
    features = {"features": [0.5, 1.0, -2.0, 4.0]}
    return lambda: (flow.ask("POST", "/inference/predict", features), None)[1]


def keep_turning(turn: Callable[[], None], period: float) -> None:
    """Call `turn` every `period` seconds for ever; a slow turn delays the next and is not made up for."""
    while True:
        began = time.monotonic()
        turn()
        time.sleep(max(0.0, period - (time.monotonic() - began)))


def application(settings: Settings) -> Starlette:
    """The canary's own web application: its metrics; the traffic runs in threads beside it."""
    turns = [
        (sessions(), 0.4),
        (reads("app-management-service", "apps", "/applications?limit=5"), 1.0),
        (reads("catalog-service", "data", "/catalog/datasets?limit=5"), 2.0),
        (reads("schema-service", "data", "/schema/schemas?limit=5"), 4.0),
        (predictions(), 2.0),
    ]
    for turn, period in turns:
        threading.Thread(target=keep_turning, args=(turn, period), daemon=True).start()
    return build(settings, [])
