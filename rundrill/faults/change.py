"""Objects of the cluster are changed, made or taken away; the undo is their own former words.

What shows that a change bites is asked by the experiment itself (`rundrill.conditions.proven`), by another path.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rundrill import child, guard, hops, ledger
from rundrill.errors import TargetError, UndoError
from rundrill.faults.rollout import pods, rollout
from rundrill.gateway.kubernetes import Conflict, Json, NotFound
from rundrill.session import Session
from rundrill.waiting import until

BACK_WITHIN = timedelta(minutes=4)
WORKLOADS = ("apps/v1/Deployment", "apps/v1/StatefulSet")
_OURS = ("resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "selfLink")
"""What the API server gives an object, and no one may give it again."""


def preview(
    session: Session, api: str, namespace: str, name: str, patch: Mapping[str, Any] | None = None
) -> guard.Preview:
    """The object; and of a Deployment or StatefulSet the pods that follow it, at once where their number changes."""
    at_once = patch is None or "replicas" in (patch.get("spec") or {})
    there = session.kube.one(api, namespace, name)
    kind = api.rpartition("/")[2]
    if api in WORKLOADS:
        names = tuple(pod["metadata"]["name"] for pod in pods(session, namespace, there)) or (name,)
        return guard.Preview("change", namespace, f"{kind} {name}", names, len(names), at_once)
    return guard.Preview("change", namespace, f"{kind} {name}", (name,), 1)


def patch(
    api: str,
    namespace: str,
    name: str,
    patch: Mapping[str, Any],
    configuration: Mapping[str, Any],
    procedure: bool = False,
) -> str:
    """What was changed: a merge patch, whose inverse stands in the ledger first.

    `procedure` says that this is the beginning of a timed procedure, and no fault to be proven by another path.
    """
    if api == "v1/Secret":
        raise TargetError("the former values of a Secret would stand in the ledger for all to read; refused")
    session, space = _place(configuration, namespace)
    guard.allow(session, preview(session, api, space, name, patch), configuration)
    undo = undo_of(session, api, session.kube.one(api, space, name), patch)
    with child.injecting("change", undo):
        says = f"{api.rpartition('/')[2]} {space}/{name} changed: {', '.join(_paths(patch))}"
        _begin(says, procedure)
        session.kube.patch(api, space, name, dict(patch))
    return says


def create(manifest: Mapping[str, Any], configuration: Mapping[str, Any], procedure: bool = False) -> str:
    """What was made: an object that was not there; its undo deletes it."""
    api = f"{manifest['apiVersion']}/{manifest['kind']}"
    name = str(manifest["metadata"]["name"])
    session, space = _place(configuration, str(manifest["metadata"]["namespace"]))
    guard.allow(
        session, guard.Preview("create", space, f"{manifest['kind']} {name}", (name,), 1), configuration
    )
    if _there(session, api, space, name) is not None:
        raise TargetError(f"{manifest['kind']} {space}/{name} is there already")
    with child.injecting("change", {"does": "delete", "api": api, "namespace": space, "name": name}):
        _begin(f"{manifest['kind']} {space}/{name} made", procedure)
        session.kube.create(
            api, space, {**manifest, "metadata": {**manifest["metadata"], "namespace": space}}
        )
    return f"{manifest['kind']} {space}/{name} made"


def delete(
    api: str, namespace: str, name: str, configuration: Mapping[str, Any], procedure: bool = False
) -> str:
    """What was taken away: an object whose words stand in the ledger, so that it can be made again."""
    if api.endswith(("/Namespace", "/PersistentVolumeClaim", "/StatefulSet", "/Secret")):
        raise TargetError(f"{api}: taking it away would lose what no ledger holds; refused")
    session, space = _place(configuration, namespace)
    guard.allow(session, preview(session, api, space, name), configuration)
    body = bare(session.kube.one(api, space, name))
    undo = {"does": "create", "api": api, "namespace": space, "name": name, "body": body}
    with child.injecting("change", undo):
        _begin(f"{api.rpartition('/')[2]} {space}/{name} taken away", procedure)
        session.kube.delete(api, space, name)
    return f"{api.rpartition('/')[2]} {space}/{name} taken away"


def undo(session: Session, undo: Mapping[str, Any]) -> str:
    """What shows that the object is as it was; a workload must be complete again, too."""
    api, space, name = str(undo["api"]), str(undo["namespace"]), str(undo["name"])
    match undo["does"]:
        case "delete":
            _gone(session, api, space, name)
            return f"{api.rpartition('/')[2]} {space}/{name} is gone"
        case "create":
            if _there(session, api, space, name) is None:
                _made(session, api, space, undo["body"])
        case "patch":
            # What says so already needs no right to change it: the fault may have been refused.
            if not _equal(session.kube.one(api, space, name), undo["patch"]):
                session.kube.patch(api, space, name, undo["patch"])
            if not _equal(session.kube.one(api, space, name), undo["patch"]):
                raise UndoError(f"{api.rpartition('/')[2]} {space}/{name} does not take its former words")
        case other:
            raise UndoError(f"the ledger names an undo {other!r} that this version cannot do")
    return _settled(session, api, space, name)


def undo_of(session: Session, api: str, there: Json, patch: Mapping[str, Any]) -> Json:
    """The ledger's words that take a patch back.

    Where the experiment has changed the object before, they lead to what stood there at first, as that entry's do: then
    it is all the same which of them is undone last.
    """
    space, name = str(there["metadata"]["namespace"]), str(there["metadata"]["name"])
    mine, first = ledger.of_experiment(session.run, child.experiment()), there
    for entry in filter(mine, ledger.open_entries(session)):
        said = [entry.undo.get(key) for key in ("does", "api", "namespace", "name")]
        if entry.fault == "change" and said == ["patch", api, space, name]:
            first = merged(first, entry.undo["patch"])
    back = inverse(first, patch)
    return {"does": "patch", "api": api, "namespace": space, "name": name, "patch": back}


def merged(there: Any, patch: Mapping[str, Any]) -> Json:
    """An object after a merge patch (RFC 7386)."""
    found = dict(there) if isinstance(there, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), value) if isinstance(value, Mapping) else value
    return found


def inverse(there: Any, patch: Mapping[str, Any]) -> Json:
    """The merge patch that gives back what `patch` takes: former values, and null where there was nothing."""
    found: Json = {}
    for key, value in patch.items():
        former = there.get(key) if isinstance(there, Mapping) else None
        if isinstance(value, Mapping) and isinstance(former, Mapping):
            found[key] = inverse(former, value)
        else:
            found[key] = former
    return found


def bare(there: Json) -> Json:
    """An object as it could be made again."""
    metadata = {key: value for key, value in there["metadata"].items() if key not in _OURS}
    kept = {key: value for key, value in there.items() if key not in ("status", "metadata")}
    spec = dict(kept.get("spec") or {})
    if kept.get("kind") == "Service" and spec.get("clusterIP") != "None":
        spec = {key: value for key, value in spec.items() if key not in ("clusterIP", "clusterIPs")}
    return {**kept, "metadata": metadata} | ({"spec": spec} if spec else {})


def _place(configuration: Mapping[str, Any], namespace: str) -> tuple[Session, str]:
    """The session, and the target's name of the runbook's namespace."""
    session = child.session()
    return session, session.namespace(str(configuration["runbook"]), namespace)


def _begin(says: str, procedure: bool) -> None:
    now, drill = datetime.now(UTC), child.directory()
    hops.note(drill, "injected", now, "kubernetes", says)
    if procedure:
        hops.note(drill, hops.PROCEDURE, now, "kubernetes")
        hops.note(drill, "fault_proven", now, "kubernetes", says)


def _paths(patch: Mapping[str, Any], above: str = "") -> Sequence[str]:
    """Every dotted path that a patch speaks of."""
    found: list[str] = []
    for key, value in patch.items():
        if isinstance(value, Mapping) and value:
            found += _paths(value, f"{above}{key}.")
        else:
            found.append(f"{above}{key}")
    return found


def _equal(there: Any, words: Mapping[str, Any]) -> bool:
    """Whether an object says what a merge patch gave it."""
    for key, value in words.items():
        found = there.get(key) if isinstance(there, Mapping) else None
        if isinstance(value, Mapping):
            if not _equal(found or {}, value):
                return False
        elif found != value:
            return False
    return True


def _there(session: Session, api: str, space: str, name: str) -> Json | None:
    try:
        return session.kube.one(api, space, name)
    except NotFound:
        return None


def _made(session: Session, api: str, space: str, body: Json) -> None:
    try:
        session.kube.create(api, space, body)
    except Conflict:
        return


def _gone(session: Session, api: str, space: str, name: str) -> None:
    try:
        session.kube.delete(api, space, name)
    except NotFound:
        return
    if not until(lambda: _there(session, api, space, name) is None, BACK_WITHIN):
        raise UndoError(f"{api.rpartition('/')[2]} {space}/{name} does not go")


def _settled(session: Session, api: str, space: str, name: str) -> str:
    """What shows that it is back; of a Deployment, that its roll-out is complete."""
    kind = api.rpartition("/")[2]
    if api != "apps/v1/Deployment":
        return f"{kind} {space}/{name} says what it said before"
    if not until(lambda: rollout(session, space, name).complete, BACK_WITHIN):
        raise UndoError(f"{kind} {space}/{name} has its former words, but not all of its pods")
    now = rollout(session, space, name)
    return f"{kind} {space}/{name}: as before, {now.available} of {now.wanted} available"
