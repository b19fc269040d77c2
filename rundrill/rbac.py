"""What role bindings give to whom, as far as their text says it."""

from collections.abc import Mapping
from typing import Any

from rundrill.evidence import Value

type Json = Mapping[str, Any]

_BOOTSTRAP = ("kubernetes.io/bootstrapping", "rbac-defaults")
_EVERYBODY = ("system:serviceaccounts", "system:authenticated", "system:unauthenticated")


def identity(namespace: str, name: str) -> dict[str, Any]:
    """User and groups of a service account, as the API server sees it."""
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
    return {"user": f"system:serviceaccount:{namespace}:{name}", "groups": groups}


def concerns(binding: Json, namespace: str) -> bool:
    """Whether a cluster-wide binding names an account of the namespace, or a group that holds all of them."""
    return any(_of(subject, namespace) for subject in binding.get("subjects") or ())


def _of(subject: Json, namespace: str) -> bool:
    if subject["kind"] == "ServiceAccount":
        return bool(subject.get("namespace") == namespace)
    return subject["kind"] == "Group" and subject["name"] in (
        *_EVERYBODY,
        f"system:serviceaccounts:{namespace}",
    )


def built_in(binding: Json) -> bool:
    """Whether Kubernetes made it itself, at its start."""
    name, value = _BOOTSTRAP
    return bool((binding["metadata"].get("labels") or {}).get(name) == value)


def facts(binding: Json, role: Json | None, namespace: str) -> dict[str, Value]:
    """What a binding gives and to whom; nothing of its rules where there is no such role."""
    subjects = binding.get("subjects") or ()
    found: dict[str, Value] = {
        "role": f"{binding['roleRef']['kind']}/{binding['roleRef']['name']}",
        "subjects": ", ".join(_subject(one) for one in subjects),
        "default_account": any(_is_default(one, namespace) for one in subjects),
    }
    if role is None:
        return found
    rules = role.get("rules") or ()
    found["wildcard"] = any(
        "*" in (rule.get(part) or ()) for rule in rules for part in ("verbs", "resources")
    )
    found["cluster_admin"] = binding["roleRef"]["name"] == "cluster-admin" or any(
        all("*" in (rule.get(part) or ()) for part in ("verbs", "resources", "apiGroups")) for rule in rules
    )
    return found


def _subject(one: Json) -> str:
    place = f"{one['namespace']}/" if one.get("namespace") else ""
    return f"{one['kind']} {place}{one['name']}"


def _is_default(subject: Json, namespace: str) -> bool:
    """Whether the default account gets it, by name or by a group that it is in."""
    if subject["kind"] == "ServiceAccount":
        return bool(subject["name"] == "default")
    return _of(subject, namespace)
