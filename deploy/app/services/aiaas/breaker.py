"""Circuit breakers; what one pod learns of a dependency, all pods of its service know within a second."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum

import redis.asyncio
import redis.exceptions
from prometheus_client import Counter, Gauge

log = logging.getLogger("services.breaker")

STATES = Gauge("circuit_breaker_state", "0 is closed, 1 half-open, 2 open.", ["breaker"])
TURNS = Counter("circuit_breaker_transitions", "Changes of state that this pod made.", ["breaker", "to"])
SERVICES = ("api-gateway", "orchestrator", "tool-service")

FAILURES = 5
COOL_OFF_SECONDS = 10.0
_TRIAL_SECONDS = 10.0
_PERIOD_SECONDS = 1.0


class State(IntEnum):
    """What a breaker does with a call: lets it through, tries one, refuses it."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2

    @property
    def word(self) -> str:
        """`closed`, `half-open` or `open`."""
        return self.name.lower().replace("_", "-")


class Refused(Exception):
    """The breaker is open: the dependency was not asked."""


@dataclass
class Breaker:
    """One dependency's breaker, as this pod sees it; times are Unix seconds."""

    name: str
    state: State = State.CLOSED
    changed: float = 0.0
    retry_at: float = 0.0
    failures: int = 0
    trial_until: float = 0.0

    def admits(self, now: float) -> bool:
        """Whether a call may go out; an open breaker whose cool-off is over lets one try."""
        if self.state is State.OPEN and now >= self.retry_at:
            self._turn(State.HALF_OPEN, now)
        if self.state is State.HALF_OPEN and now >= self.trial_until:
            self.trial_until = now + _TRIAL_SECONDS
            return True
        return self.state is State.CLOSED

    def succeeded(self, now: float) -> None:
        """Count a good answer; a trial that went well closes the breaker."""
        self.failures = 0
        if self.state is State.HALF_OPEN:
            self._turn(State.CLOSED, now)

    def failed(self, now: float) -> None:
        """Count a failure; so many in a row, or a failed trial, open the breaker."""
        self.failures += 1
        tried = self.state is State.HALF_OPEN
        if tried or (self.state is State.CLOSED and self.failures >= FAILURES):
            self.retry_at = now + COOL_OFF_SECONDS
            self._turn(State.OPEN, now)

    def adopt(self, said: Mapping[str, float], now: float) -> None:
        """Take over what another pod found out later than this one."""
        if said["changed"] <= self.changed:
            return
        self.changed, self.retry_at = said["changed"], said["retry_at"]
        self.failures, self.trial_until = int(said["failures"]), 0.0
        if State(int(said["state"])) is not self.state:
            self.state = State(int(said["state"]))
            log.warning("circuit breaker %s is %s, as another pod found", self.name, self.state.word)

    def shared(self) -> dict[str, float]:
        """What the other pods are told."""
        return {
            "state": int(self.state),
            "changed": self.changed,
            "retry_at": self.retry_at,
            "failures": self.failures,
        }

    def _turn(self, to: State, now: float) -> None:
        self.state, self.changed, self.trial_until = to, now, 0.0
        TURNS.labels(self.name, to.word).inc()
        log.warning("circuit breaker %s is now %s", self.name, to.word)


class Board:
    """The breakers of one service, agreed upon over Redis; without Redis each pod goes by its own."""

    def __init__(self, service: str, names: Iterable[str], cache: redis.asyncio.Redis) -> None:
        self.breakers = {name: Breaker(name) for name in names}
        self._key = key_of(service)
        self._cache = cache
        self._told: dict[str, float] = {}
        self._news = asyncio.Event()
        for name, breaker in self.breakers.items():
            STATES.labels(name).set_function(lambda breaker=breaker: float(breaker.state))
            for state in State:  # A counter that is born at 1 has never increased.
                TURNS.labels(name, state.word)

    async def call[T](self, name: str, ask: Callable[[], Awaitable[T]], *counts: type[Exception]) -> T:
        """The answer; Refused where the breaker is open, and any exception of `counts` is a failure."""
        breaker = self.breakers[name]
        if not breaker.admits(time.time()):
            raise Refused(f"circuit breaker {name} is {breaker.state.word}")
        try:
            answer = await ask()
        except counts:
            breaker.failed(time.time())
            raise
        else:
            breaker.succeeded(time.time())
            return answer
        finally:
            if self._changed():
                self._news.set()

    async def agree(self) -> None:
        """Tell and hear about breakers for ever: every second, and at once when one turned here."""
        while True:
            self._news.clear()
            try:
                await self._exchange()
            except redis.exceptions.RedisError as error:
                log.warning("circuit breakers not shared for now", extra={"cause": str(error)})
            with suppress(TimeoutError):
                async with asyncio.timeout(_PERIOD_SECONDS):
                    await self._news.wait()

    def _changed(self) -> bool:
        return any(b.changed > self._told.get(name, 0.0) for name, b in self.breakers.items())

    async def _exchange(self) -> None:
        news = {n: b for n, b in self.breakers.items() if b.changed > self._told.get(n, 0.0)}
        if news:
            await self._cache.hset(self._key, mapping={n: json.dumps(b.shared()) for n, b in news.items()})
            self._told |= {name: breaker.changed for name, breaker in news.items()}
        for name, text in (await self._cache.hgetall(self._key)).items():
            if name in self.breakers:
                self.breakers[name].adopt(json.loads(text), time.time())
                self._told[name] = max(self._told.get(name, 0.0), json.loads(text)["changed"])


def key_of(service: str) -> str:
    """The Redis hash that holds a service's breakers."""
    return f"breakers:{service}"


async def said_by_all(cache: redis.asyncio.Redis) -> dict[str, dict[str, str]]:
    """Every service's breakers and their states, as they were last shared."""
    found = {service: await cache.hgetall(key_of(service)) for service in SERVICES}
    return {
        service: {
            str(name): State(int(json.loads(text)["state"])).word for name, text in sorted(said.items())
        }
        for service, said in found.items()
    }


async def close_all(cache: redis.asyncio.Redis) -> int:
    """Close every breaker that was ever shared, and say how many; the next failure opens one again."""
    closed = 0
    for service in SERVICES:
        for name in await cache.hkeys(key_of(service)):
            again = Breaker(str(name), changed=time.time(), failures=FAILURES - 1).shared()
            await cache.hset(key_of(service), name, json.dumps(again))
            closed += 1
    return closed
