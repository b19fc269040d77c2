"""Who may do what: reviews of access, role bindings, and the accounts of workloads."""

from collections import Counter
from typing import Any

from rundrill import rbac
from rundrill.asking import StateAnswer, answered
from rundrill.errors import NoEvidence
from rundrill.evidence import Reading, StateSeen, Value
from rundrill.listing import full_name, listed, must_exist
from rundrill.probe import AccessProbe, AccountsProbe, RbacProbe
from rundrill.session import Session

type Json = dict[str, Any]

_REVIEWS = "/apis/authorization.k8s.io/v1/"
_ROLES = "rbac.authorization.k8s.io/v1/"
_KINDS = (
    "apps/v1/Deployment",
    "apps/v1/StatefulSet",
    "apps/v1/DaemonSet",
    "batch/v1/CronJob",
    "batch/v1/Job",
)
# Verbs that no resource lists, since they are about rights themselves.
_RIGHTS = frozenset({"*", "bind", "escalate", "impersonate", "use", "approve", "sign", "attest"})


def see_access(probe: AccessProbe, session: Session, slug: str) -> StateAnswer:
    """Kubernetes' own answer; NoEvidence where account, namespace or resource does not exist, since all are forbidden what is not."""
    namespace = session.namespace(slug, probe.namespace) if probe.namespace else ""
    if namespace:
        must_exist(session, namespace)
    _must_know(session, probe)
    attributes = {
        "verb": probe.verb,
        "group": probe.group,
        "resource": probe.resource,
        "subresource": probe.subresource,
        "namespace": namespace,
        "name": probe.name,
    }
    spec: Json = {"resourceAttributes": {key: value for key, value in attributes.items() if value}}
    kind = "SelfSubjectAccessReview"
    if probe.as_ != "me":
        kind, spec = "SubjectAccessReview", spec | _subject(session, slug, probe.as_)
    facts = _review(session, kind, spec)
    subject = f"{probe.as_} {probe.verb} {probe.resource}" + (f" in {namespace}" if namespace else "")
    return StateSeen((Reading(subject, facts),)), (answered("kubernetes", subject, facts),)


def _review(session: Session, kind: str, spec: Json) -> dict[str, Value]:
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
    status = session.kube.call("POST", f"{_REVIEWS}{kind.lower()}s", body)["status"]
    if status.get("evaluationError"):
        raise NoEvidence(f"the API server cannot tell: {status['evaluationError']}")
    return {"allowed": bool(status["allowed"]), "reason": status.get("reason") or ""}


def _must_know(session: Session, probe: AccessProbe) -> None:
    """NoEvidence where the API server has no such resource, or the resource no such verb."""
    resources = session.cached(("list", "resources", probe.group), lambda: _resources(session, probe.group))
    name = f"{probe.resource}/{probe.subresource}" if probe.subresource else probe.resource
    if probe.resource == "*":
        return
    if name not in resources:
        where = probe.group or "its core group"
        raise NoEvidence(f"the API server knows no resource {name!r} in {where}")
    if probe.verb not in _RIGHTS | set(resources[name]):
        raise NoEvidence(f"{name} knows no verb {probe.verb!r}, only {', '.join(sorted(resources[name]))}")


def _resources(session: Session, group: str) -> dict[str, list[str]]:
    """Resource -> its verbs, of a group's preferred version."""
    path = "/api/v1"
    if group:
        groups = {one["name"]: one for one in session.kube.get("/apis")["groups"]}
        if group not in groups:
            raise NoEvidence(f"the API server has no group {group!r}")
        path = f"/apis/{groups[group]['preferredVersion']['groupVersion']}"
    return {one["name"]: one["verbs"] for one in session.kube.get(path)["resources"]}


def _subject(session: Session, slug: str, who: str) -> Json:
    """The user and groups of an account that exists, or of any other name as it stands."""
    if not who.startswith("system:serviceaccount:"):
        return {"user": who, "groups": ["system:authenticated"]}
    said, _, name = who.removeprefix("system:serviceaccount:").partition(":")
    namespace = session.namespace(slug, said)
    accounts = {one["metadata"]["name"] for one in listed(session, "v1/ServiceAccount", namespace)}
    if name not in accounts:
        raise NoEvidence(f"there is no service account {namespace}/{name}")
    return rbac.identity(namespace, name)


def see_rbac(probe: RbacProbe, session: Session, slug: str) -> StateAnswer:
    """A reading of each binding that gives rights to or in the namespace; those that Kubernetes brings itself are left out."""
    namespace = session.namespace(slug, probe.namespace)
    bindings = [
        *listed(session, f"{_ROLES}RoleBinding", namespace),
        *(
            one
            for one in listed(session, f"{_ROLES}ClusterRoleBinding", None)
            if rbac.concerns(one, namespace) and not rbac.built_in(one)
        ),
    ]
    roles = {
        ("Role", one["metadata"]["name"]): one for one in listed(session, f"{_ROLES}Role", namespace)
    } | {
        ("ClusterRole", one["metadata"]["name"]): one for one in listed(session, f"{_ROLES}ClusterRole", None)
    }
    readings = [
        Reading(
            full_name(one),
            rbac.facts(one, roles.get((one["roleRef"]["kind"], one["roleRef"]["name"])), namespace),
        )
        for one in bindings
    ]
    raw = answered("kubernetes", f"role bindings of {namespace}", [dict(one.facts) for one in readings])
    return StateSeen(tuple(readings)), (raw,)


def see_accounts(probe: AccountsProbe, session: Session, slug: str) -> StateAnswer:
    """A reading of each workload of the namespace: under which account it runs, and what that one may."""
    namespace = session.namespace(slug, probe.namespace)
    everything = [
        one
        for api in _KINDS
        for one in listed(session, api, namespace)
        if not one["metadata"].get("ownerReferences")
    ]
    chosen = {id(one) for api in _KINDS for one in listed(session, api, namespace, probe.selector or "")}
    used = Counter(_account(one) for one in everything)
    accounts = {one["metadata"]["name"]: one for one in listed(session, "v1/ServiceAccount", namespace)}
    readings = []
    for one in everything:
        if id(one) in chosen or not probe.selector:
            facts = _account_facts(session, namespace, one, accounts, used)
            readings.append(Reading(f"{one['kind']} {full_name(one)}", facts))
    raw = answered(
        "kubernetes", f"accounts of {namespace}", {one.subject: dict(one.facts) for one in readings}
    )
    return StateSeen(tuple(readings)), (raw,)


def _account_facts(
    session: Session, namespace: str, workload: Json, accounts: dict[str, Json], used: Counter[str]
) -> dict[str, Value]:
    name = _account(workload)
    said = _pod_spec(workload).get("automountServiceAccountToken")
    if said is None:
        said = accounts.get(name, {}).get("automountServiceAccountToken")
    facts: dict[str, Value] = {
        "account": name,
        "own": used[name] == 1 and name != "default",
        "default": name == "default",
        "automount": said is not False,
    }
    if name in accounts:
        facts["can_read_secrets"] = session.cached(
            ("list", "reads-secrets", namespace, name), lambda: _reads_secrets(session, namespace, name)
        )
    return facts


def _reads_secrets(session: Session, namespace: str, name: str) -> bool:
    return any(
        _review(
            session,
            "SubjectAccessReview",
            {
                **rbac.identity(namespace, name),
                "resourceAttributes": {"verb": verb, "resource": "secrets", "namespace": namespace},
            },
        )["allowed"]
        for verb in ("get", "list", "watch")
    )


def _account(workload: Json) -> str:
    return str(_pod_spec(workload).get("serviceAccountName") or "default")


def _pod_spec(workload: Json) -> Json:
    spec = workload["spec"]
    template: Json = (spec["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else spec)["template"]
    found: Json = template["spec"]
    return found
