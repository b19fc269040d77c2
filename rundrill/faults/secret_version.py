"""A secret gets a new version in its secret manager: harmless words in it change, or a database's password.

The ledger holds no value: the undo of a harmless change takes the words out again, and the undo of a rotation makes
database, cluster and pods agree with the newest version, whichever step was the last.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence, TargetError, UndoError
from rundrill.faults import rights, secret_manager
from rundrill.faults.rollout import pods, rollout
from rundrill.faults.secret_manager import Manager
from rundrill.gateway.postgres import DatabaseError, Postgres
from rundrill.session import Session
from rundrill.waiting import until

DEPLOYMENT = "apps/v1/Deployment"
STAMP = "rundrill.dev/secret-version"
"""On a pod template: the version that its pods began with."""
BACK_WITHIN = timedelta(minutes=5)
REFUSED = "password authentication failed"


def preview(session: Session, manager: Mapping[str, Any]) -> guard.Preview:
    """The secret, where its manager knows it."""
    place = Manager.model_validate(dict(manager))
    there = secret_manager.numbers(session, place)
    names = (f"{place.secret}, version {max(there)}",) if there else ()
    return guard.Preview("new version", place.namespace, f"secret {place.secret}", names, 1)


def add(manager: Mapping[str, Any], parameter: str, configuration: Mapping[str, Any]) -> str:
    """What showed that a version with other words in its query reached the cluster: its Secret has the same value."""
    session, place = child.session(), Manager.model_validate(dict(manager))
    guard.allow(session, preview(session, manager), configuration)
    plain = _without(secret_manager.newest(session, place), parameter)
    value = f"{plain}{'&' if urlsplit(plain).query else '?'}{parameter}={secrets.token_hex(4)}"
    right = f"secret-version-{uuid4().hex[:8]}"
    undo = {"does": "plain", "manager": dict(manager), "parameter": parameter, "right": right}
    with child.injecting("secret_version", undo):
        _lend(session, place, right)
        began = datetime.now(UTC)
        number = secret_manager.add(session, place, value)
        _begin(began, f"a version of {place.secret} added")
    took = secret_manager.synchronise(session, place, value)
    says = f"Secret {place.namespace}/{place.external} has version {number} of {place.secret}, {took:.1f} s after it was asked for"
    hops.note(child.directory(), "synchronised", datetime.now(UTC), "kubernetes", says)
    return says


def rotate(
    manager: Mapping[str, Any],
    role: str,
    workload: str,
    port: int,
    path: str,
    told: str,
    configuration: Mapping[str, Any],
) -> str:
    """What showed that the password is another one: each pod's digest of its address, and the refusal of the old one.

    `told` is the key of the JSON at `path` of each pod that holds the digest.
    """
    session, place = child.session(), Manager.model_validate(dict(manager))
    runbook = str(configuration["runbook"])
    guard.allow(session, preview(session, manager), configuration)
    before = secret_manager.newest(session, place)
    old, new = str(urlsplit(before).password), secrets.token_urlsafe(24)
    right = f"secret-version-{uuid4().hex[:8]}"
    undo = {
        "does": "agree",
        "manager": dict(manager),
        "role": role,
        "workload": workload,
        "runbook": runbook,
        "right": right,
    }
    with child.injecting("secret_version", undo):
        _lend(session, place, right)
        began = datetime.now(UTC)
        secret_manager.add(session, place, before.replace(f":{old}@", f":{new}@"))
        _begin(began, f"the password of {role} rotated")
    says = _agree(session, place, undo)
    value = secret_manager.newest(session, place)
    _each_pod_has(session, place, workload, (port, path, told), hashlib.sha256(value.encode()).hexdigest())
    _old_is_refused(session, runbook, role, old)
    hops.note(child.directory(), "rotated", datetime.now(UTC), "platform", says)
    return f"{says}; every pod tells the new digest, and the old password is refused"


def undo(session: Session, undo: Mapping[str, Any]) -> str:
    """What shows that secret manager, cluster, database and pods agree."""
    place, right = Manager.model_validate(dict(undo["manager"])), str(undo.get("right", ""))
    if right and not rights.lent(session, place.namespace, right):
        return f"{place.secret} was not touched, or all agreed before the right to change it was given back"
    try:
        says = _undone(session, place, undo)
    except (NoEvidence, DatabaseError) as error:
        raise UndoError(f"{place.secret}: {error}") from None
    if right:
        rights.give_back(session, place.namespace, right)
    return says


def _undone(session: Session, place: Manager, undo: Mapping[str, Any]) -> str:
    match undo["does"]:
        case "plain":
            return _made_plain(session, place, str(undo["parameter"]))
        case "agree":
            return _agree(session, place, undo)
    raise UndoError(f"the ledger names an undo {undo['does']!r} that this version cannot do")


def _lend(session: Session, place: Manager, name: str) -> None:
    """The undoer may ask the manager as the operator does, and let the cluster follow it, for as long as the fault lasts."""
    space, token, _ = place.operator.split("/")
    if space != place.namespace:
        raise TargetError(f"{place.operator}: the operator's token must lie in {place.namespace}")
    read = {
        "apiGroups": [""],
        "resources": ["secrets"],
        "resourceNames": [token, place.external],
        "verbs": ["get"],
    }
    follow = {"apiGroups": ["external-secrets.io"], "resources": ["externalsecrets"]}
    rights.lend(session, space, name, read, follow | {"resourceNames": [place.external], "verbs": ["patch"]})


def _made_plain(session: Session, place: Manager, parameter: str) -> str:
    value = secret_manager.newest(session, place)
    plain = _without(value, parameter)
    if plain != value:
        secret_manager.add(session, place, plain)
    secret_manager.synchronise(session, place, plain)
    return f"{place.secret} and Secret {place.namespace}/{place.external} are without {parameter} again"


def _agree(session: Session, place: Manager, words: Mapping[str, Any]) -> str:
    """The cluster first, then the database and at once the pods: whoever starts meanwhile has the new one."""
    value, number = (
        secret_manager.newest(session, place),
        max(secret_manager.numbers(session, place)),
    )
    secret_manager.synchronise(session, place, value)
    _set_password(session, str(words["runbook"]), str(words["role"]), str(urlsplit(value).password))
    workload, stamp = str(words["workload"]), f"{place.secret}-{number}"
    template = {"metadata": {"annotations": {STAMP: stamp}}}
    session.kube.patch(DEPLOYMENT, place.namespace, workload, {"spec": {"template": template}})
    if not until(lambda: rollout(session, place.namespace, workload).complete, BACK_WITHIN):
        raise UndoError(f"{place.namespace}/{workload} did not restart within {BACK_WITHIN}")
    older = secret_manager.disable_older(session, place)
    return f"{workload} runs with version {number} of {place.secret}, {older} older ones are disabled"


def _set_password(session: Session, runbook: str, role: str, password: str) -> None:
    """The server gets a verifier: statements stand in its statistics for others to read."""
    with session.postgres(runbook, "driller").connect() as connection:
        verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
        connection.execute(f"ALTER ROLE \"{role}\" PASSWORD '{verifier.decode()}'".encode())


def _each_pod_has(
    session: Session, place: Manager, workload: str, asked: tuple[int, str, str], digest: str
) -> None:
    port, path, told = asked
    deployment = session.kube.one(DEPLOYMENT, place.namespace, workload)
    for pod in pods(session, place.namespace, deployment):
        if "deletionTimestamp" in pod["metadata"]:
            continue
        name = str(pod["metadata"]["name"])
        status, body = session.kube.pod_get(place.namespace, name, port, path)
        if status != 200 or json.loads(body).get(told) != digest:
            raise NoEvidence(f"{name} does not tell the digest of the newest version (status {status})")


def _old_is_refused(session: Session, runbook: str, role: str, password: str) -> None:
    login = session.login(session.platform(runbook).postgres["driller"])
    server = Postgres(replace(login, user=role, password=password))
    try:
        server.rows("SELECT 1")
    except NoEvidence as error:
        if REFUSED in str(error):
            return
        raise
    finally:
        server.close()
    raise NoEvidence(f"{role} is still let in with the old password")


def _begin(at: datetime, says: str) -> None:
    """Noted with the time at which it was asked for, once it was taken."""
    for station in ("injected", hops.PROCEDURE, "fault_proven"):
        hops.note(child.directory(), station, at, "secret manager", says)


def _without(value: str, parameter: str) -> str:
    """The address without that parameter of its query."""
    head, _, query = value.partition("?")
    left = [pair for pair in query.split("&") if pair and not pair.startswith(f"{parameter}=")]
    return f"{head}?{'&'.join(left)}" if left else head
