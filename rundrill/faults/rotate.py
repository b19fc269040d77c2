"""Values of a Secret are replaced, as a rotation or an accident replaces them; a certificate is replaced by one that has expired.

The former values are kept in a Secret of the namespace `rundrill`, never in the ledger, and the undoer gets the right to
put them back for as long as the fault lasts. Values reach neither journal nor report.
"""

import base64
import contextlib
import secrets
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

from rundrill import child, guard
from rundrill.errors import TargetError, UndoError
from rundrill.faults import change, restart, rights
from rundrill.faults.begin import began, place
from rundrill.faults.rollout import rollout
from rundrill.gateway.kubernetes import Json, NotFound, Refused
from rundrill.ledger import NAMESPACE
from rundrill.session import Session
from rundrill.waiting import until

SECRET = "v1/Secret"
MARK = "rundrill.dev/rotated"
"""The annotation that says whose values stand there; it comes and goes with them, in one patch."""
NEW = "rundrill.dev/new-keys"
NEVER = ("rundrill-access",)
"""What rundrill itself comes in with."""


def preview(session: Session, namespace: str, name: str) -> guard.Preview:
    """The Secret; no value of it."""
    session.kube.one(SECRET, namespace, name)
    return guard.Preview("rotate", namespace, f"Secret {name}", (name,), 1)


def rotate(
    namespace: str,
    name: str,
    values: Mapping[str, str],
    configuration: Mapping[str, Any],
    restarts: Sequence[str] = (),
    procedure: bool = False,
) -> str:
    """What was replaced, by the names of its keys; that it bites is for the experiment to show.

    A value is `random` (32 characters), `random:N`, `text:…` as it stands, or `from:namespace/secret/key`. Deployments in
    `restarts` are restarted one after another once the new values stand, and again by the undo.
    """
    session, space = place(configuration, namespace)
    new = {key: _value(session, configuration, said) for key, said in values.items()}
    return _replace(session, space, name, new, configuration, restarts, procedure)


def again(
    namespace: str,
    name: str,
    values: Mapping[str, str],
    configuration: Mapping[str, Any],
    restarts: Sequence[str] = (),
) -> str:
    """What was replaced in a later step of a rotation that this run began; the first step's undo puts back all of it.

    Only keys that the first step named; a value may be `former:KEY` too, what that key held before it.
    """
    session, space = place(configuration, namespace)
    guard.allow(session, preview(session, space, name), configuration)
    token = _mark(session.kube.one(SECRET, space, name))
    kept = _kept(session, token) if token else None
    if kept is None:
        raise TargetError(f"Secret {space}/{name} is not being rotated: nothing would undo a later step")
    if astray := sorted(set(values) - _named(kept)):
        raise TargetError(f"the first step named no {', '.join(astray)}: its undo would not put it back")
    new = {key: _later(session, configuration, kept, said) for key, said in values.items()}
    data = {key: base64.b64encode(value.encode()).decode() for key, value in new.items()}
    session.kube.patch(SECRET, space, name, {"data": data})
    _restarted(session, space, restarts, f"{token}-{uuid4().hex[:4]}")
    return f"Secret {space}/{name}: {', '.join(sorted(values))} replaced again"


def expire(
    namespace: str,
    name: str,
    hosts: Sequence[str],
    configuration: Mapping[str, Any],
    authority: str | None = None,
    restarts: Sequence[str] = (),
) -> str:
    """What was replaced: the certificate, by one for the same hosts that ended yesterday.

    Its authority is a new one, published in `authority` (`namespace/config-map`, key ca.crt) so that nothing but its age is wrong.
    """
    # What only making needs: the undoer's image does without it.
    from rundrill.gateway.tls import expired

    session, space = place(configuration, namespace)
    made = expired(tuple(hosts))
    if authority:
        role, _, published = authority.partition("/")
        change.patch("v1/ConfigMap", role, published, {"data": {"ca.crt": made.authority}}, configuration)
    pair = {"tls.crt": made.leaf, "tls.key": made.key}
    return _replace(session, space, name, pair, configuration, restarts, procedure=False)


def undo(session: Session, undo: Mapping[str, Any]) -> str:
    """What shows that every value is what it was; and that those who were restarted are again."""
    space, name, token = str(undo["namespace"]), str(undo["name"]), str(undo["token"])
    if _ours_stand(session, space, name, token):
        _put_back(session, space, name, token)
    _restarted(session, space, undo["restarts"], f"undone-{token}" if undo["restarts"] else "")
    with contextlib.suppress(NotFound):
        session.kube.delete(SECRET, NAMESPACE, token)
    rights.give_back(session, space, token)
    again = f"; {', '.join(undo['restarts'])} restarted" if undo["restarts"] else ""
    return f"Secret {space}/{name} has its former values{again}"


def _replace(
    session: Session,
    space: str,
    name: str,
    values: Mapping[str, str],
    configuration: Mapping[str, Any],
    restarts: Sequence[str],
    procedure: bool,
) -> str:
    guard.allow(session, preview(session, space, name), configuration)
    if name in NEVER:
        raise TargetError(f"Secret {space}/{name} is what rundrill itself comes in with; refused")
    before = session.kube.one(SECRET, space, name)
    if _mark(before):
        raise TargetError(f"Secret {space}/{name} is rotated already by {_mark(before)}")
    token = f"rotate-{uuid4().hex[:8]}"
    said = f"Secret {space}/{name}: {', '.join(sorted(values))} replaced"
    words = {"namespace": space, "name": name, "token": token, "restarts": list(restarts)}
    with child.injecting("rotate", words):
        # The right comes first: kept values are what tells the undoer that there is something to put back.
        rights.lend(session, space, token, _rule(name))
        _keep(session, token, before, values)
        began(said, "kubernetes", procedure)
        new = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        session.kube.patch(SECRET, space, name, {"metadata": {"annotations": {MARK: token}}, "data": new})
        _restarted(session, space, restarts, token)
    return said


def _ours_stand(session: Session, space: str, name: str, token: str) -> bool:
    """Whether the new values are still there; those that were put back are known by what the undo takes away last."""
    try:
        return _mark(session.kube.one(SECRET, space, name)) == token
    except Refused as refusal:
        if refusal.status != 403 or _kept(session, token) is not None:
            raise
        return False


def _kept(session: Session, token: str) -> Json | None:
    try:
        return session.kube.one(SECRET, NAMESPACE, token)
    except NotFound:
        return None


def _rule(name: str) -> Json:
    return {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [name], "verbs": ["get", "patch"]}


def _keep(session: Session, token: str, there: Json, values: Mapping[str, str]) -> None:
    """The former values, and which keys had none, where nobody but the undoer reads them."""
    former = there.get("data") or {}
    kept: Json = {
        "metadata": {"name": token, "labels": {"rundrill.dev/former": "values"}},
        "data": {key: former[key] for key in values if key in former},
        "type": "Opaque",
    }
    kept["metadata"]["annotations"] = {NEW: ",".join(sorted(set(values) - set(former)))}
    session.kube.create(SECRET, NAMESPACE, kept)


def _named(kept: Json) -> set[str]:
    """The keys that the undo gives back, or takes away."""
    new = str(kept["metadata"]["annotations"][NEW]).split(",")
    return {*(kept.get("data") or {}), *filter(None, new)}


def _later(session: Session, configuration: Mapping[str, Any], kept: Json, said: str) -> str:
    how, _, key = said.partition(":")
    if how != "former":
        return _value(session, configuration, said)
    if key not in (kept.get("data") or {}):
        raise TargetError(f"there was no {key!r} before")
    return base64.b64decode(kept["data"][key]).decode()


def _put_back(session: Session, space: str, name: str, token: str) -> None:
    try:
        kept = session.kube.one(SECRET, NAMESPACE, token)
    except NotFound:
        raise UndoError(
            f"the former values of Secret {space}/{name} are gone from {NAMESPACE}/{token}"
        ) from None
    new = filter(None, kept["metadata"]["annotations"][NEW].split(","))
    former: dict[str, str | None] = {**(kept.get("data") or {}), **dict.fromkeys(new)}
    body: Json = {"metadata": {"annotations": {MARK: None}}, "data": former}
    session.kube.patch(SECRET, space, name, body)
    now = session.kube.one(SECRET, space, name)
    values = now.get("data") or {}
    if _mark(now) or any(values.get(key) != value for key, value in former.items()):
        raise UndoError(f"Secret {space}/{name} does not take its former values")


def _restarted(session: Session, space: str, workloads: Sequence[str], stamp: str) -> None:
    """Every one of them told to restart under this stamp, once, and complete before the next is told."""
    for workload in workloads:
        template = session.kube.one("apps/v1/Deployment", space, workload)["spec"]["template"]
        if (template["metadata"].get("annotations") or {}).get(MARK) != stamp:
            body = {"spec": {"template": {"metadata": {"annotations": {MARK: stamp}}}}}
            session.kube.patch("apps/v1/Deployment", space, workload, body)
        if not until(partial(_complete, session, space, workload), restart.BACK_WITHIN):
            raise UndoError(f"{space}/{workload} does not come back from its restart")


def _complete(session: Session, space: str, workload: str) -> bool:
    return rollout(session, space, workload).complete


def _mark(there: Json) -> str:
    return str((there["metadata"].get("annotations") or {}).get(MARK) or "")


def _value(session: Session, configuration: Mapping[str, Any], said: str) -> str:
    how, _, rest = said.partition(":")
    if how == "random":
        return secrets.token_urlsafe(64)[: int(rest or 32)]
    if how == "text":
        return rest
    if how == "from" and rest.count("/") == 2:
        role, name, key = rest.split("/")
        return session.kube.secret(session.namespace(str(configuration["runbook"]), role), name, key)
    raise TargetError("a value is random, random:N, text:… or from:namespace/secret/key")
