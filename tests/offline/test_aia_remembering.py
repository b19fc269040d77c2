"""A cache that is away costs the API of the AIA System half a second now and then, and no request."""

import asyncio
from typing import Any

import app_sources  # noqa: F401 # makes `services` importable
import pytest
import redis.exceptions
from services.aia import remembering
from services.aia.remembering import Remembering


class Cache:
    """Redis as a service sees it: it answers, refuses, or says nothing at all."""

    def __init__(self, answer: str | Exception | None) -> None:
        self.answer = answer
        self.asked = 0

    async def get(self, key: str) -> str:
        self.asked += 1
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return str(self.answer)


def read_twice(cache: Any) -> tuple[list[str | None], int]:
    failures: list[None] = []
    texts = Remembering(cache, lambda: failures.append(None))

    async def both() -> list[str | None]:
        return [await texts.read("task:1"), await texts.read("task:1")]

    return asyncio.run(both()), len(failures)


def test_what_a_cache_holds_is_read_from_it() -> None:
    cache = Cache("a task")
    assert read_twice(cache) == (["a task", "a task"], 0)
    assert cache.asked == 2


@pytest.mark.parametrize(
    "answer", [None, redis.exceptions.ConnectionError("refused")], ids=["silent", "refuses"]
)
def test_a_cache_that_fails_is_left_alone_for_a_while(
    answer: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembering, "PATIENCE_SECONDS", 0.01)
    cache = Cache(answer)
    assert read_twice(cache) == ([None, None], 2)
    assert cache.asked == 1
