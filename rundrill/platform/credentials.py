"""The platform's passwords and keys: made once, at the first set-up, and never changed by a later one."""

import base64
import secrets
from collections.abc import Iterable, Mapping

from rundrill.platform.cluster_client import Kubectl, Manifest

type Values = Mapping[tuple[str, str], Mapping[str, str]]
"""(namespace, name of the Secret) -> key -> value."""


def missing_credentials(existing: Values) -> list[Manifest]:
    """The Secrets that are not there yet; a value that two of them share is taken from the one that is."""
    access = existing.get(("data-services", "rundrill-access"), {})
    roles = existing.get(("data-services", "postgresql-roles"), {})
    application = roles.get("app-password") or _new()
    cache = access.get("redis-password") or _new()
    wanted: dict[tuple[str, str], dict[str, str]] = {
        ("data-services", "rundrill-access"): {
            "reader-password": _new(),
            "driller-password": _new(),
            "redis-password": cache,
        },
        ("data-services", "postgresql-roles"): {
            "app-password": application,
            "backup-password": _new(),
            "exporter-password": _new(),
        },
        ("microservices", "app-secrets"): {
            "jwt-secret": _new(),
            "database-password": application,
            "redis-password": cache,
        },
        ("microservices", "auth-secrets"): {"jwt-secret": _new()},
        ("ai-services", "app-secrets"): {"database-password": application},
        ("data-services", "app-secrets"): {"database-password": application},
    }
    return [secret(*place, values) for place, values in wanted.items() if place not in existing]


def secret(namespace: str, name: str, values: Mapping[str, str], kind: str = "Opaque") -> Manifest:
    """A Secret with these values."""
    metadata = {"namespace": namespace, "name": name}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": kind,
        "stringData": dict(values),
    }


def read_secrets(kubectl: Kubectl, namespaces: Iterable[str]) -> Values:
    """Every Secret of these namespaces, decoded."""
    found = (i for namespace in namespaces for i in kubectl.items("secrets", f"--namespace={namespace}"))
    return decoded(found)


def decoded(items: Iterable[Manifest]) -> Values:
    """These Secrets' values in plain text."""
    return {_place(item): _decoded(item) for item in items}


def _place(item: Manifest) -> tuple[str, str]:
    metadata = item["metadata"]
    assert isinstance(metadata, dict)
    return metadata["namespace"], metadata["name"]


def _decoded(item: Manifest) -> dict[str, str]:
    values = item.get("data") or {}
    assert isinstance(values, dict)
    return {name: base64.b64decode(value).decode() for name, value in values.items()}


def _new() -> str:
    return secrets.token_urlsafe(24)
