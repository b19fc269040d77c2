"""A right that the undoer has for one fault and no longer: a Role that names objects, and itself, to be taken away."""

import contextlib

from rundrill.gateway.kubernetes import Json, NotFound
from rundrill.ledger import NAMESPACE
from rundrill.session import Session
from rundrill.standby import ACCOUNT

ROLE, BINDING = "rbac.authorization.k8s.io/v1/Role", "rbac.authorization.k8s.io/v1/RoleBinding"
_GROUP = "rbac.authorization.k8s.io"


def lend(session: Session, namespace: str, name: str, *rules: Json) -> None:
    """The undoer may do what the rules say in that namespace, and give the right back."""
    itself = {
        "apiGroups": [_GROUP],
        "resources": ["rolebindings"],
        "resourceNames": [name],
        "verbs": ["delete"],
    }
    bound = session.kube.create(
        BINDING,
        namespace,
        {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": _GROUP, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}],
        },
    )
    # Whoever takes the binding away has no right left to take the Role: it goes with its owner.
    owner = {
        "apiVersion": f"{_GROUP}/v1",
        "kind": "RoleBinding",
        "name": name,
        "uid": bound["metadata"]["uid"],
    }
    role: Json = {"metadata": {"name": name, "ownerReferences": [owner]}, "rules": [*rules, itself]}
    session.kube.create(ROLE, namespace, role)


def lent(session: Session, namespace: str, name: str) -> bool:
    """Whether the right is still out: it comes before its fault, and goes once that is undone."""
    try:
        session.kube.one(BINDING, namespace, name)
    except NotFound:
        return False
    return True


def give_back(session: Session, namespace: str, name: str) -> None:
    """The binding is gone, and what it bound goes after it."""
    with contextlib.suppress(NotFound):
        session.kube.delete(BINDING, namespace, name)
