"""How a Kubernetes API server says no, and what that means."""

import json
from typing import Any

from rundrill.errors import TargetError


class Unreachable(TargetError):
    """The API server gave no answer at all."""


class Refused(TargetError):
    """The API server answered, and said no."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class NotFound(Refused):
    """No such object."""


class Conflict(Refused):
    """It exists already, or somebody changed it first."""


def refusal(asked: str, status: int, body: bytes) -> Refused:
    """The error for an answer of 400 or more, with what was asked and the server's own words."""
    said = status_of(status, body)
    message = said.get("message") if said else body.decode(errors="replace")[:300]
    kind = {404: NotFound, 409: Conflict}.get(status, Refused)
    return kind(f"{asked}: {status} {message}", status)


def status_of(status: int, body: bytes) -> dict[str, Any]:
    """The API server's own Status object, empty where the answer is not one."""
    if status < 400 or not body.startswith(b"{"):
        return {}
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) and said.get("kind") == "Status" else {}


def nobody_home(said: dict[str, Any]) -> bool:
    """Whether the proxy found nobody behind a service: what a client there would meet, not a fault of ours."""
    message = str(said.get("message", ""))
    return said.get("code") == 503 and (
        "no endpoints available" in message or "error trying to reach service" in message
    )
