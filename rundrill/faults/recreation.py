"""A whole namespace is made again from its exports and its newest backup, as a clone under another name.

The exports are looked at before anything is made; then the namespace, the rights, and the rest, workloads last. The
clone's name stands wherever the original's stood. Undone by `rundrill.faults.clone`, which deletes clones and nothing else.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import yaml

from rundrill import child, guard, hops
from rundrill.errors import NoEvidence, TargetError
from rundrill.faults import clone
from rundrill.faults.begin import began, place
from rundrill.faults.rollout import rollout
from rundrill.faults.selected import first_container, running
from rundrill.gateway.kubernetes import Conflict, Json, NotFound
from rundrill.objectpath import Nowhere, fact_at
from rundrill.session import Session
from rundrill.units import duration
from rundrill.waiting import until

ORDER = (
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "PersistentVolumeClaim",
    "LimitRange",
    "ResourceQuota",
    "Service",
)
"""What others need comes first; what is not named here, in between; what has pods, last."""
PODS = ("StatefulSet", "Deployment", "CronJob")
LAST = len(ORDER) + 1
_BY_THE_CLUSTER = {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")}
_BOUND = (
    "pv.kubernetes.io/",
    "volume.kubernetes.io/",
    "volume.beta.kubernetes.io/",
    "kubernetes.io/service-account.uid",
)
TIMEOUT_S = 60.0
LET_IN = "psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --host=/run/postgresql --username=postgres"


def preview(session: Session, space: str, into: str) -> guard.Preview:
    """What is cloned, and what the clone is called."""
    return clone.preview(session, space, into)


def recreate(
    of: str,
    into: str,
    exports: Mapping[str, Any],
    configuration: Mapping[str, Any],
    within: str = "8m",
) -> str:
    """What rose from the exports; every workload is complete. `exports`: selector, directory, and patterns in their order."""
    session, space = place(configuration, of)
    guard.allow(session, preview(session, space, into), configuration)
    items = [
        item for pattern in exports["patterns"] for item in _exported(session, space, into, exports, pattern)
    ]
    workloads = [item for item in items if item["kind"] in PODS[:2]]
    if not workloads or not [item for item in items if item["kind"] == "RoleBinding"]:
        raise NoEvidence(
            f"the exports of {space} hold no workload, or no rights: nothing could rise from them"
        )
    with child.injecting("clone", {"namespace": into}):
        began(f"namespace {into} rises from the exports of {space}", "kubernetes", procedure=True)
        _make_namespace(session, into, space)
        for item in sorted(items, key=_place_in_order):
            _make(session, into, item)
    if not until(lambda: not _lacking(session, into, workloads), duration(within)):
        raise NoEvidence(
            f"{into}: {', '.join(_lacking(session, into, workloads))} not complete within {within}"
        )
    says = f"{len(items)} objects made, {len(workloads)} workloads complete"
    hops.note(child.directory(), "risen", datetime.now(UTC), "kubernetes", says)
    return says


def bring_data(
    of: str, into: str, pod: str, read: str, write: str, compare: str, configuration: Mapping[str, Any]
) -> str:
    """What the data of the clone are after its backup was loaded: `read` there, `write` here, and `compare` must say the same."""
    session, space = place(configuration, of)
    _must_be_ours(session, into)
    backup = _done(session, space, pod, read)
    _done(session, into, pod, write, backup)
    was, now = (_done(session, one, pod, compare).decode().strip() for one in (space, into))
    if not was or was != now:
        raise NoEvidence(
            f"the data of {into} are others than those of {space}: {now[:200]!r}, expected {was[:200]!r}"
        )
    says = f"{len(backup)} bytes loaded, content equal: {' '.join(was.split())[:200]}"
    hops.note(child.directory(), "loaded", datetime.now(UTC), "postgres", says)
    return says


def let_in(of: str, into: str, pod: str, secret: str, key: str, configuration: Mapping[str, Any]) -> str:
    """Who is let into the clone's database now: the role of the address in that Secret, with the password that stands there."""
    session = place(configuration, of)[0]
    _must_be_ours(session, into)
    address = urlsplit(session.kube.secret(into, secret, key))
    role, password = str(address.username), str(address.password)
    # What the server counts of its statements is read by others.
    sql = f"SET pg_stat_statements.track = 'none'; ALTER ROLE {_quoted(role, '"')} PASSWORD {_quoted(password)};"
    _done(session, into, pod, LET_IN, sql.encode())
    return f"{role} is let into the database of {into} with what {secret} says"


def answers(
    of: str,
    into: str,
    selector: str,
    port: int,
    path: str,
    configuration: Mapping[str, Any],
    told: Mapping[str, str] | None = None,
    within: str = "90s",
) -> str:
    """What showed that the clone serves: 200 from each of its pods, and the words of `told` at their paths in the answer."""
    session, wanted = place(configuration, of)[0], dict(told or {})
    _must_be_ours(session, into)
    if not until(lambda: _all_answer(session, into, selector, (port, path), wanted), duration(within)):
        raise NoEvidence(
            f"not every pod of {selector} in {into} answers 200 {wanted or ''} at {path} within {within}"
        )
    says = "".join(f", {name} {word}" for name, word in wanted.items())
    return f"every pod of {selector} in {into} answers 200 at {path}{says}"


def _exported(
    session: Session, space: str, into: str, exports: Mapping[str, Any], pattern: str
) -> list[Json]:
    pods = running(session, space, str(exports["selector"]))
    if not pods:
        raise NoEvidence(f"no running pod of {space} sees {exports['directory']}")
    newest = f'cat -- "$(ls -1t -- {exports["directory"]}/{pattern} | head -n 1)"'
    done = session.kube.exec(
        space, pods[0]["metadata"]["name"], None, ["sh", "-c", newest], timeout=TIMEOUT_S
    )
    if done.code:
        raise NoEvidence(f"{exports['directory']}/{pattern} cannot be read")
    text = done.text.replace(space, into)
    document = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return [_fit(item) for item in document["items"] if _wanted(item, into)]


def _wanted(item: Json, into: str) -> bool:
    metadata = item["metadata"]
    own = (item["kind"], metadata["name"]) not in _BY_THE_CLUSTER
    return own and metadata.get("namespace") == into and not metadata.get("ownerReferences")


def _fit(item: Json) -> Json:
    """Without what binds it to the original: addresses, volumes, the uid of an account."""
    annotations = item["metadata"].get("annotations") or {}
    kept = {name: value for name, value in annotations.items() if not name.startswith(_BOUND)}
    body = {**item, "metadata": {**item["metadata"], "annotations": kept}}
    leave = {"Service": ("clusterIP", "clusterIPs"), "PersistentVolumeClaim": ("volumeName",)}.get(
        item["kind"], ()
    )
    if leave:
        body["spec"] = {name: value for name, value in item["spec"].items() if name not in leave}
    if item.get("type") == "kubernetes.io/service-account-token":
        body.pop("data", None)
    return body


def _place_in_order(item: Json) -> int:
    kind = str(item["kind"])
    return ORDER.index(kind) if kind in ORDER else LAST + (kind in PODS)


def _make_namespace(session: Session, into: str, space: str) -> None:
    labels = {clone.LABEL: space, guard.LABEL: guard.ALLOWED}
    try:
        session.kube.create("v1/Namespace", None, {"metadata": {"name": into, "labels": labels}})
    except Conflict:
        raise TargetError(f"namespace {into} is there already") from None


def _make(session: Session, into: str, item: Json) -> None:
    try:
        session.kube.create(f"{item['apiVersion']}/{item['kind']}", into, item)
    except Conflict:
        raise NoEvidence(f"{item['kind']} {into}/{item['metadata']['name']} is there twice") from None


def _lacking(session: Session, into: str, workloads: Sequence[Json]) -> list[str]:
    return [str(one["metadata"]["name"]) for one in workloads if not _complete(session, into, one)]


def _complete(session: Session, into: str, workload: Json) -> bool:
    name = str(workload["metadata"]["name"])
    if workload["kind"] == "Deployment":
        return rollout(session, into, name).complete
    there = session.kube.one("apps/v1/StatefulSet", into, name)
    return bool((there.get("status") or {}).get("readyReplicas", 0) >= there["spec"].get("replicas", 1))


def _must_be_ours(session: Session, into: str) -> None:
    try:
        labels = session.kube.one("v1/Namespace", None, into)["metadata"].get("labels") or {}
    except NotFound:
        labels = {}
    if clone.LABEL not in labels:
        raise TargetError(f"namespace {into} is no clone of ours")


def _done(session: Session, space: str, pod: str, script: str, stdin: bytes | None = None) -> bytes:
    container = first_container(session.kube.one("v1/Pod", space, pod))
    done = session.kube.exec(space, pod, container, ["bash", "-c", script], stdin, TIMEOUT_S)
    if done.code:
        raise NoEvidence(
            f"{space}/{pod}: ended with {done.code}: {done.stderr.decode(errors='replace').strip()[-200:]}"
        )
    return done.stdout


def _quoted(word: str, mark: str = "'") -> str:
    return mark + word.replace(mark, 2 * mark) + mark


def _all_answer(
    session: Session, into: str, selector: str, where: tuple[int, str], told: Mapping[str, str]
) -> bool:
    names = [str(pod["metadata"]["name"]) for pod in running(session, into, selector)]
    return bool(names) and all(_answers(session.kube.pod_get(into, name, *where), told) for name in names)


def _answers(answer: tuple[int, bytes], told: Mapping[str, str]) -> bool:
    status, body = answer
    if status != 200 or not told:
        return status == 200
    try:
        said = json.loads(body)
        return all(fact_at(said, path, datetime.now(UTC)) == word for path, word in told.items())
    except (ValueError, Nowhere):
        return False
