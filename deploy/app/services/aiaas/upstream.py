"""Asking other services over HTTP, with an end to the patience."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

import httpx

log = logging.getLogger("services.upstream")

FAILED = (httpx.HTTPError,)
"""What an ask may raise; HTTPStatusError is an answer that says the server itself failed."""
_BEHIND = 502
"""The server is well, and something behind it is not."""


def open_client(seconds: float, verify: str | bool = True) -> httpx.AsyncClient:
    """A client that gives up after so many seconds."""
    # A kept connection stays with one pod behind the service; new ones find all of them, and the ones that came later.
    limits = httpx.Limits(max_connections=50, max_keepalive_connections=0)
    return httpx.AsyncClient(timeout=httpx.Timeout(seconds), limits=limits, verify=verify, trust_env=False)


async def asked(
    client: httpx.AsyncClient, method: str, url: str, body: object = None, seconds: float | None = None
) -> httpx.Response:
    """The answer, of whatever code; an HTTPError where there is none in time, or the server itself failed."""
    patience = client.timeout if seconds is None else httpx.Timeout(max(seconds, 0.1))
    try:
        answer = await client.request(method, url, json=body, timeout=patience)
    except httpx.TimeoutException:
        log.error("timeout waiting for %s", httpx.URL(url).host)
        raise
    if answer.status_code >= 500 and answer.status_code != _BEHIND:
        answer.raise_for_status()
    return answer


@dataclass
class Copy:
    """A JSON document of another service, read again after a few seconds; an old copy is better than none."""

    client: httpx.AsyncClient
    url: str
    fresh_seconds: float
    document: Any = None
    read_at: float = float("-inf")

    async def read(self) -> Any:
        """The document; an HTTPError where it was never read and cannot be."""
        if time.monotonic() - self.read_at < self.fresh_seconds:
            return self.document
        try:
            answer = await asked(self.client, "GET", self.url)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            log.warning("an old copy has to do", extra={"cause": f"{self.url}: {type(error).__name__}"})
            if self.document is None:
                raise
        else:
            self.document = answer.json()
        self.read_at = time.monotonic()
        return self.document
