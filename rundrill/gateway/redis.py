"""Redis by redis-py, asked once: no retries, so that an outage is seen when it is there."""

from collections.abc import Callable
from typing import Any

import redis as library
from redis.backoff import NoBackoff
from redis.retry import Retry

from rundrill.errors import NoEvidence


class Redis:
    """One Redis server."""

    def __init__(self, host: str, port: int, password: str | None) -> None:
        self._client = library.Redis(
            host=host,
            port=port,
            password=password,
            decode_responses=True,
            socket_timeout=5,
            socket_connect_timeout=5,
            retry=Retry(NoBackoff(), 0),
        )

    def ask(self, *command: str) -> Any:
        """The answer to a command, parsed; NoEvidence where there is none."""
        try:
            execute: Callable[..., Any] = self._client.execute_command
            return execute(*command)
        except library.RedisError as error:
            raise NoEvidence(f"Redis does not answer {' '.join(command)}: {error}") from None

    def close(self) -> None:
        """Gives the connections back."""
        self._client.close()
