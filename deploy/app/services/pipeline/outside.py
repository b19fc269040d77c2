"""Calls of the services outside: OpenAI and GitHub."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import httpx

from services.pipeline.counts import OPENAI

_TRIES = 3
_WAIT_SECONDS = 0.3


class Refused(Exception):
    """A service that answers, and does not do it, however often it is asked."""

    def __init__(self, who: str, why: str) -> None:
        super().__init__(why)
        self.who = who


class Outside:
    """One client for both; httpx.HTTPError where a service is away, Refused where it answers with an error again and again."""

    def __init__(self, openai: str, github: str) -> None:
        self._openai = openai
        self._github = github
        self._client = httpx.AsyncClient(timeout=5.0, limits=httpx.Limits(max_connections=32))

    async def severity_of(self, report: str, title: str, body: str) -> str:
        """How bad the model thinks a bug is."""
        asked = {"report": report, "messages": [{"role": "user", "content": f"{title}\n{body}"}]}
        try:
            answer = await self._post("openai", f"{self._openai}/v1/chat/completions", asked)
        except (httpx.HTTPError, Refused):
            OPENAI.labels("failed").inc()
            raise
        OPENAI.labels("answered").inc()
        return str(answer["severity"])

    async def open_issue(self, report: str, title: str, severity: str) -> str:
        """The issue's number; asked twice for the same report, GitHub gives the same issue."""
        asked = {"report": report, "title": title, "labels": ["bug", severity]}
        answer = await self._post("github", f"{self._github}/repos/ai/pipeline/issues", asked)
        return str(answer["number"])

    async def _post(self, who: str, url: str, body: Mapping[str, object]) -> dict[str, object]:
        status = 0
        for _ in range(_TRIES):
            response = await self._client.post(url, json=body)
            status = response.status_code
            if status < 400:
                found: dict[str, object] = response.json()
                return found
            await asyncio.sleep(_WAIT_SECONDS)
        raise Refused(who, f"answered {status}")
