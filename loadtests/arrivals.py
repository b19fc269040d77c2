"""Open arrivals for Locust: a plan of absolute times, kept whatever the platform does.

A crowd acts and never judges: it writes one JSON line for its plan, one for each arrival and one for its end.
Latency counts from the planned time, so a platform that stalls the crowd cannot hide the wait. An arrival that the
crowd itself could not send in time is written as lost, never dropped.
"""

import json
import os
import random
import socket
import time
from argparse import ArgumentParser
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import gevent
from gevent.pool import Pool
from geventhttpclient import HTTPClient
from lines import Lines
from locust import User, events, task

IN_FLIGHT = 1000
"""How many arrivals may wait for their answers at once; 166.7 a second fill it in six seconds."""
CONNECTIONS = 64
"""Kept open for each host; more would measure the tunnel and not the platform."""
ANSWER_WITHIN_S = 10.0
LATE_S = 1.0
"""An arrival that starts later than this after its planned time is the crowd's fault, and lost."""
FLUSH_S = 0.2
LAST_ANSWERS_S = ANSWER_WITHIN_S + 1
"""How long a crowd that is told to stop waits for answers that are under way: until each came or was too late."""


@dataclass(frozen=True)
class Ask:
    """One request: the role of its host, and what to send."""

    host: str
    method: str
    path: str
    body: dict[str, object] | None = None
    bearer: str | None = None

    @property
    def route(self) -> str:
        """Method and path, as lines and statistics name it."""
        return f"{self.method} {self.path}"


@dataclass
class Visitors:
    """Who comes: seeded names, and the tokens of those who logged in."""

    random: random.Random
    key_file: Path | None = None
    """Where the key stands that users bear; it may change meanwhile."""
    tokens: deque[str] = field(default_factory=lambda: deque(maxlen=200))

    def someone(self) -> str:
        """One of the platform's seeded users."""
        return f"user-{self.random.randint(1, 2000):04}"

    def key(self) -> str | None:
        """The key that users bear now, None where the door knows nobody by a key."""
        return self.key_file.read_text() if self.key_file else None

    def token(self) -> str | None:
        """The token of somebody who logged in, None where nobody did yet."""
        return self.random.choice(self.tokens) if self.tokens else None


type Act = Callable[[Visitors], Ask]


def offsets(rate: float, seconds: float, seed: int, spread: str) -> Iterator[float]:
    """The planned arrivals in seconds from the start: evenly spaced, or a Poisson process of that rate."""
    draw, at = random.Random(seed), 0.0
    while rate > 0:
        at += 1 / rate if spread == "even" else draw.expovariate(rate)
        if at >= seconds:
            return
        yield round(at, 4)


class Crowd(User):
    """The whole crowd as one Locust user; a crowd of its own names `mix`: weights and acts."""

    abstract = True
    mix: ClassVar[tuple[tuple[int, Act], ...]] = ()
    usual_rate: ClassVar[float] = 20
    """Arrivals a second where nobody asks for others."""
    logins: ClassVar[tuple[str, ...]] = ("/auth/login",)
    """Paths whose answers carry a token for later arrivals."""

    def on_start(self) -> None:
        """Open the connections and the lines, and write the plan down before the first arrival."""
        options = self.environment.parsed_options
        key_file = os.environ.get("CROWD_KEY_FILE")
        self.visitors = Visitors(random.Random(options.seed), Path(key_file) if key_file else None)
        self.clients = {
            role: _client(str(self.host), name, options.ca) for role, name in _hosts(options.hosts)
        }
        self.lines, self.pool = Lines(Path(options.lines)), Pool(IN_FLIGHT)
        self.stopped: float | None = None
        self.waiting: dict[int, dict[str, object]] = {}
        rate = self.usual_rate if options.rate is None else options.rate
        self.plan = self.times(rate, options.seconds, options.seed, options.spread)
        self.began = time.time() + FLUSH_S
        self.lines.add({"crowd": type(self).__name__, "began": self.began, "rate": rate, "plan": self.plan})
        self.lines.flush()
        self.writer = gevent.spawn(self._write_out)
        self.environment.events.quitting.add_listener(self._end)

    def times(self, rate: float, seconds: float, seed: int, spread: str) -> list[float]:
        """The planned arrivals; a crowd that does not come at one rate says its own."""
        return list(offsets(rate, seconds, seed, spread))

    @task
    def keep_the_plan(self) -> None:
        """Send each arrival at its time, and quit after the last answer."""
        acts, weights = [act for _, act in self.mix], [weight for weight, _ in self.mix]
        for number, offset in enumerate(self.plan):
            planned = self.began + offset
            gevent.sleep(max(0.0, planned - time.time()))
            if self.stopped:
                return
            ask = self.visitors.random.choices(acts, weights)[0](self.visitors)
            line: dict[str, object] = {"planned": planned, "route": ask.route}
            if lost := self._lost(planned):
                self.lines.add(line | {"started": None, "ended": None, "status": None, "error": lost})
            else:
                self.waiting[number] = line
                self.pool.spawn(self._arrive, number, ask, planned)
        self.stopped = time.time()
        self.pool.join(timeout=ANSWER_WITHIN_S)
        self.environment.runner.quit()

    def _write_out(self) -> None:
        """Again and again; a crowd whose parent died goes home, for nobody else would send it."""
        parent = self.environment.parsed_options.parent
        while True:
            gevent.sleep(FLUSH_S)
            self.lines.flush()
            if parent and os.getppid() != parent:
                self.environment.runner.quit()

    def _lost(self, planned: float) -> str | None:
        if self.pool.free_count() == 0:
            return f"lost: {IN_FLIGHT} arrivals still wait for their answers"
        late = time.time() - planned
        return f"lost: the crowd was {late:.1f} s late" if late > LATE_S else None

    def _arrive(self, number: int, ask: Ask, planned: float) -> None:
        line = self.waiting[number]
        line["started"] = time.time()
        status, error, size = self._send(ask)
        ended = time.time()
        self.lines.add(line | {"ended": ended, "status": status, "error": error})
        self.waiting.pop(number, None)
        events.request.fire(  # type: ignore[no-untyped-call]
            request_type=ask.method,
            name=ask.path,
            response_time=(ended - planned) * 1000,
            response_length=size,
            exception=error,
        )

    def _send(self, ask: Ask) -> tuple[int | None, str | None, int]:
        headers = {"Content-Type": "application/json"}
        if ask.bearer:
            headers["Authorization"] = f"Bearer {ask.bearer}"
        body = json.dumps(ask.body) if ask.body is not None else None
        try:
            with gevent.Timeout(ANSWER_WITHIN_S):
                answer = self.clients[ask.host].request(ask.method, ask.path, body, headers)
                content = bytes(answer.read())
        except gevent.Timeout:
            return None, "no answer in time", 0
        except Exception as error:  # noqa: BLE001 - whatever breaks, a user had no answer
            return None, type(error).__name__, 0
        status = int(answer.status_code)
        if status == 200 and ask.path in self.logins:
            self.visitors.tokens.append(json.loads(content)["token"])
        return status, None if status < 400 else f"status {status}", len(content)

    def _end(self, **_: object) -> None:
        """Write the last answers, those that never came, and the end: the mark of a whole file."""
        self.stopped = self.stopped or time.time()
        self.pool.join(timeout=LAST_ANSWERS_S)
        for line in list(self.waiting.values()):
            self.lines.add(
                {"started": None} | line | {"ended": None, "status": None, "error": "unanswered at the end"}
            )
        self.writer.kill()
        self.lines.add({"ended": self.stopped})
        self.lines.flush()


def _hosts(text: str) -> list[tuple[str, str]]:
    return [(role, name) for role, _, name in (pair.partition("=") for pair in text.split(","))]


def _client(address: str, name: str, ca: str) -> HTTPClient:
    """A pool of connections to this address that asks for this host and believes only this authority."""
    scheme, _, place = address.partition("://")
    host, _, port = place.partition(":")
    tls = {"ca_certs": ca, "server_hostname": name} if scheme == "https" else None
    client = HTTPClient(
        host,
        int(port),
        headers={"Host": name},
        ssl=scheme == "https",
        ssl_options=tls,
        concurrency=CONNECTIONS,
        connection_timeout=ANSWER_WITHIN_S,
        network_timeout=ANSWER_WITHIN_S,
    )
    # Head and body go out in two packets: without this, the second waits 40 ms for the first one's acknowledgement.
    client._connection_pool.after_connect = _send_at_once  # type: ignore[method-assign, assignment]
    return client


def _send_at_once(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def _options(parser: ArgumentParser, **_: Any) -> None:
    parser.add_argument("--rate", type=float, help="arrivals a second")
    parser.add_argument("--seconds", type=float, default=60, help="how long arrivals are planned")
    parser.add_argument("--seed", type=int, default=1, help="of the arrival times and of who comes")
    parser.add_argument("--spread", choices=["even", "poisson"], default="even", help="of the arrivals")
    parser.add_argument("--lines", required=True, help="file to append one JSON line an arrival to")
    parser.add_argument("--hosts", required=True, help="role=host,... as the ingress knows them")
    parser.add_argument("--parent", type=int, help="end when this process is no longer the parent")
    parser.add_argument("--ca", help="file of the authority that signed the ingress")
