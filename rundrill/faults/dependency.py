"""A stand-in of a dependency is told to answer otherwise (errors, slowly, nothing), by its own HTTP; the undo tells it back."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from rundrill import child, guard
from rundrill.errors import TargetError, UndoError
from rundrill.faults.begin import began
from rundrill.gateway.http import HttpError, Request, send
from rundrill.session import Session
from rundrill.target import SecretRef
from rundrill.waiting import until

ANSWERS_WITHIN = timedelta(seconds=60)


def preview(session: Session, runbook: str, service: str) -> guard.Preview:
    """The service that is told."""
    place, name = placed(session, runbook, service)
    session.kube.one("v1/Service", place, name.partition(":")[0])
    return guard.Preview("tell", place, f"Service {name}", (name,), 1)


def answer(
    service: str,
    path: str,
    body: Mapping[str, Any],
    undo_body: Mapping[str, Any],
    configuration: Mapping[str, Any],
    method: str = "POST",
    undo_path: str | None = None,
    undo_method: str | None = None,
    key: str | None = None,
    look: str | None = None,
) -> str:
    """What it said of being told; that it bites is for the experiment to show.

    `service` is namespace/name:port; `key` a bearer's (`namespace/secret/key`). With `look`, a path that says how it stands, the
    undo is shown by the same answer as before.
    """
    session, runbook = child.session(), str(configuration["runbook"])
    guard.allow(session, preview(session, runbook, service), configuration)
    space, named = placed(session, runbook, service)
    place = {"service": f"{space}/{named}", "key": _of(session, runbook, key), "look": look}
    before = _asked(session, place, "GET", look, None) if look else None
    back = {"method": undo_method or method, "path": undo_path or path, "body": dict(undo_body)}
    with child.injecting("dependency", {**place, **back, "before": before}):
        began(f"{service} told {json.dumps(dict(body))}", "http", procedure=False)
        said = _asked(session, place, method, path, body)
    return f"{service}: {said[:200]}"


def undo(session: Session, undo: Mapping[str, Any]) -> str:
    """What shows that it answers as before: it took the word, and says of itself what it said before."""

    def told() -> str | None:
        try:
            return _asked(session, undo, undo["method"], undo["path"], undo["body"]) or "no word"
        except TargetError:
            return None

    said = until(told, ANSWERS_WITHIN, timedelta(seconds=1))
    if said is None:
        raise UndoError(f"{undo['service']} could not be told back")
    if undo["look"] and (now := _asked(session, undo, "GET", undo["look"], None)) != undo["before"]:
        raise UndoError(
            f"{undo['service']} says {now[:120]!r} of itself, before it was {undo['before'][:120]!r}"
        )
    return f"{undo['service']} was told back: {said[:120]}"


def _asked(
    session: Session, place: Mapping[str, Any], method: str, path: str, body: Mapping[str, Any] | None
) -> str:
    """What it answered; TargetError where that is no success."""
    key = session.password(SecretRef(secret=place["key"])) if place["key"] else None
    request = Request(
        path,
        method,
        {"Content-Type": "application/json"},
        json.dumps(dict(body)).encode() if body is not None else None,
        f"Bearer {key}" if key else None,
    )
    try:
        answer = send(session.reach(place["service"]), "http", request)
    except HttpError as error:
        raise TargetError(f"{place['service']}: {error}") from None
    if not 200 <= answer.status < 300:
        raise TargetError(f"{place['service']}: {method} {path} got status {answer.status}")
    return answer.body.decode(errors="replace")


def placed(session: Session, runbook: str, service: str) -> tuple[str, str]:
    """The target's namespace of a runbook's namespace/name:port, and the rest."""
    role, _, name = service.partition("/")
    return session.namespace(runbook, role), name


def _of(session: Session, runbook: str, key: str | None) -> str | None:
    if key is None:
        return None
    role, _, rest = key.partition("/")
    return f"{session.namespace(runbook, role)}/{rest}"
