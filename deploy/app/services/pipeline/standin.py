"""What the stand-ins of outside services share: answers take a while, and a share of them can be made to fail."""

from __future__ import annotations

import asyncio
import hashlib
import logging

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.web import json_body

log = logging.getLogger("services.pipeline.standin")


class Behaviour:
    """How slow a service is, and for which share of reports it answers 500 whenever they ask."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.failing = 0.0

    async def told(self, _: Request) -> Response:
        """How it behaves now."""
        return JSONResponse({"failing": self.failing, "seconds": self.seconds})

    async def change(self, request: Request) -> Response:
        """Another behaviour: `failing`, a share from 0 to 1, and `seconds` for each answer; a restart forgets it."""
        body = await request.json()
        failing = float(body.get("failing", self.failing))
        if not 0 <= failing <= 1:
            raise ValueError("failing: a share from 0 to 1 is expected")
        self.failing, self.seconds = failing, float(body.get("seconds", self.seconds))
        log.warning("behaves differently: %s of reports fail, %s s each", self.failing, self.seconds)
        return await self.told(request)

    async def asked(self, request: Request) -> dict[str, object]:
        """The request's body, after the time that an answer takes."""
        body = await json_body(request, report=str)
        await asyncio.sleep(self.seconds)
        return body

    def fails(self, report: str) -> bool:
        """Whether this report is one of those that fail: always the same ones, so that asking again is in vain."""
        share = int.from_bytes(hashlib.sha256(report.encode()).digest()[:4]) / 2**32
        return share < self.failing


def unable() -> Response:
    """An answer of a service that is there and does not work."""
    return JSONResponse({"error": "internal error"}, 500)
