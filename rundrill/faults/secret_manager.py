"""A secret manager as the faults use it: numbered versions behind an operator's token, and the Secret that follows them."""

import base64
import http.client
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from rundrill.errors import NoEvidence, TargetError
from rundrill.session import Session
from rundrill.waiting import until

FORCE = "force-sync"
EXTERNAL = "external-secrets.io/v1/ExternalSecret"
SYNCED_WITHIN = timedelta(seconds=60)
_TIMEOUT_S = 20.0


class Manager(BaseModel):
    """Where one secret is kept, and what follows it in the cluster; no value of it is ever told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    service: str
    """namespace/name:port"""
    project: str
    secret: str
    operator: str
    """namespace/secret/key of the token that an operator shows."""
    namespace: str
    external: str
    """The ExternalSecret, and the Secret of the same name."""
    key: str

    @property
    def path(self) -> str:
        """The secret's own path."""
        return f"/v1/projects/{self.project}/secrets/{self.secret}"


def newest(session: Session, manager: Manager) -> str:
    """The value of the newest version."""
    answer = _ask(session, manager, "GET", "/versions/latest:access")
    return base64.b64decode(answer["payload"]["data"]).decode()


def numbers(session: Session, manager: Manager) -> dict[int, str]:
    """The state of each version by its number, newest first."""
    told = _ask(session, manager, "GET", "/versions")["versions"]
    return {int(one["name"].rpartition("/")[2]): str(one["state"]) for one in told}


def add(session: Session, manager: Manager, value: str) -> int:
    """The number of the version that was added."""
    payload = {"payload": {"data": base64.b64encode(value.encode()).decode()}}
    return int(_ask(session, manager, "POST", ":addVersion", payload)["name"].rpartition("/")[2])


def disable_older(session: Session, manager: Manager) -> int:
    """How many versions before the newest are disabled now."""
    older = dict(list(numbers(session, manager).items())[1:])
    for number, state in older.items():
        if state == "ENABLED":
            _ask(session, manager, "POST", f"/versions/{number}:disable", {})
    return len(older)


def synchronise(session: Session, manager: Manager, value: str) -> float:
    """After how many seconds the cluster's Secret had this value, told to fetch it at once."""
    began = datetime.now(UTC)
    stamp = {"metadata": {"annotations": {FORCE: began.isoformat()}}}
    session.kube.patch(EXTERNAL, manager.namespace, manager.external, stamp)
    if not until(lambda: kept(session, manager) == value, SYNCED_WITHIN):
        raise NoEvidence(f"Secret {manager.external} has not the newest version within {SYNCED_WITHIN}")
    return (datetime.now(UTC) - began).total_seconds()


def kept(session: Session, manager: Manager) -> str:
    """The value that the cluster's Secret has."""
    return session.kube.secret(manager.namespace, manager.external, manager.key)


def _ask(
    session: Session, manager: Manager, method: Literal["GET", "POST"], path: str, body: object = None
) -> dict[str, Any]:
    # Not by the API server's proxy, which keeps the Authorization header to itself.
    connection = http.client.HTTPConnection(*session.reach(manager.service), timeout=_TIMEOUT_S)
    token = session.kube.secret(*manager.operator.split("/"))
    head = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        connection.request(
            method, manager.path + path, None if body is None else json.dumps(body), headers=head
        )
        answer = connection.getresponse()
        said = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise TargetError(f"{manager.service}: {type(error).__name__}: {error}") from None
    finally:
        connection.close()
    if answer.status != 200:
        raise TargetError(f"{manager.service}: {method} {path} answered {answer.status}")
    found: dict[str, Any] = json.loads(said)
    return found
