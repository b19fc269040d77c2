"""Redis by redis-py, with no retries that wait: an outage is seen when it is there."""

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
            # Once more and at once: whoever stood at the other end of a kept connection may have been replaced.
            retry=Retry(NoBackoff(), 1, supported_errors=(library.ConnectionError,)),
        )

    def ask(self, *command: str) -> Any:
        """The answer to a command, parsed; NoEvidence where there is none."""
        try:
            execute: Callable[..., Any] = self._client.execute_command
            return execute(*command)
        except library.RedisError as error:
            raise NoEvidence(f"Redis does not answer {' '.join(command)}: {error}") from None

    def seconds_left(self, pattern: str) -> dict[str, int]:
        """Key -> the seconds until it expires, -1 where it never does; of all keys that match, walked by SCAN."""
        try:
            keys = list(dict.fromkeys(self._client.scan_iter(match=pattern, count=1000)))
            left: dict[str, int] = {}
            for start in range(0, len(keys), 1000):
                asking = self._client.pipeline(transaction=False)
                for key in keys[start : start + 1000]:
                    asking.ttl(key)
                left |= dict(zip(keys[start : start + 1000], asking.execute(), strict=True))
        except library.RedisError as error:
            raise NoEvidence(f"Redis does not answer SCAN {pattern}: {error}") from None
        # -2: it expired while we walked.
        return {key: int(seconds) for key, seconds in left.items() if seconds != -2}

    def close(self) -> None:
        """Gives the connections back."""
        self._client.close()
