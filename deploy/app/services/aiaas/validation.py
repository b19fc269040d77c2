"""What the gateway lets in: JSON that its schema allows, counted by client version where it does not."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import jsonschema
from prometheus_client import Counter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.aiaas.breaker import Board, Refused
from services.aiaas.upstream import FAILED, Copy

log = logging.getLogger("services.validation")

VALIDATED = Counter("validation_requests", "Bodies that were validated.", ["subject"])
REJECTED = Counter(
    "validation_rejections",
    "Bodies that were refused, by what was wrong with them and the version of the client.",
    ["subject", "reason", "client_version"],
)
SUBJECT = "request"
STRICT = "strict-validation"
_VERSION = re.compile(r"^\d{1,3}\.\d{1,3}(?=\.|$)")


@dataclass(frozen=True)
class Rejected(Exception):
    """A body that is not let in."""

    status: int
    reason: str
    why: str

    def answer(self) -> Response:
        """What the client gets."""
        return JSONResponse(
            {"error": "validation failed", "reason": self.reason, "why": self.why}, self.status
        )


@dataclass(frozen=True)
class Validator:
    """The registry's newest schema and the flag that says whether it is obeyed."""

    board: Board
    schema: Copy
    flags: Copy

    async def body_of(self, request: Request) -> dict[str, Any]:
        """The request's body; Rejected, counted and written to the log, where it is not let in."""
        VALIDATED.labels(SUBJECT).inc()
        try:
            return await self._checked(await request.body())
        except Rejected as rejected:
            version = version_of(request.headers)
            REJECTED.labels(SUBJECT, rejected.reason, version).inc()
            log.warning(
                "validation failed: %s (client version %s): %s", rejected.reason, version, rejected.why
            )
            raise

    async def _checked(self, raw: bytes) -> dict[str, Any]:
        body = parsed(raw)
        if await self.strict():
            schema = await self._newest_schema()
            refuse_unless_allowed(body, schema)
        return body

    async def strict(self) -> bool:
        """Whether schemas are obeyed; they are, as long as nobody can be asked."""
        try:
            said = await self.board.call("feature-flags", self.flags.read, *FAILED)
        except (Refused, *FAILED):
            return True
        return bool(said["flags"].get(STRICT, True))

    async def _newest_schema(self) -> Mapping[str, Any]:
        try:
            said = await self.board.call("schema-registry", self.schema.read, *FAILED)
        except (Refused, httpx.HTTPError) as error:
            if self.schema.document is None:
                log.error("no schema to validate with", extra={"cause": str(error)})
                raise Rejected(503, "no-schema", "the schema registry does not answer") from error
            said = self.schema.document
        schema: Mapping[str, Any] = said["schema"]
        return schema


def parsed(raw: bytes) -> dict[str, Any]:
    """The JSON object; Rejected where it is none."""
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise Rejected(400, "malformed", str(error)) from error
    if not isinstance(body, dict):
        raise Rejected(400, "malformed", "a JSON object is expected")
    return body


def refuse_unless_allowed(body: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Nothing where the schema allows the body; else Rejected, naming the place."""
    wrong = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(body))
    if wrong is not None:
        raise Rejected(422, "schema", f"{wrong.json_path}: {wrong.message}")


def version_of(headers: Mapping[str, str]) -> str:
    """The client's major and minor version; `unknown` where it says none, `other` where it says something else."""
    said = headers.get("x-client-version")
    if said is None:
        return "unknown"
    found = _VERSION.match(said)
    return found.group() if found else "other"
