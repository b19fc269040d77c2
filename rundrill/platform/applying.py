"""Applying objects, in order, and replacing those that cannot be changed in place."""

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from rundrill.cluster.provider import Progress
from rundrill.platform.cluster_client import Kubectl, KubectlFailed, Manifest
from rundrill.platform.manifests import key
from rundrill.platform.workloads import wait_until

_KINDS_WITHIN = timedelta(seconds=30)
_FIXED = re.compile(
    r'The (\w+) "([^"]+)" is invalid: (?:(?!The \w+ ").)*?(?:immutable|updates to statefulset spec)', re.S
)
"""What the API server says of a field that may not change."""


def first_things(manifests: Iterable[Manifest]) -> list[Manifest]:
    """What all else needs: namespaces, and definitions of kinds."""
    return [m for m in manifests if m["kind"] in ("Namespace", "CustomResourceDefinition")]


def wait_for_kinds(kubectl: Kubectl, manifests: Iterable[Manifest]) -> None:
    """Return when every kind that these define can be used."""
    names = [key(m)[2] for m in manifests if m["kind"] == "CustomResourceDefinition"]
    if names:
        wait_until(lambda: _established(kubectl, names), f"definitions of {', '.join(names)}", _KINDS_WITHIN)


def _established(kubectl: Kubectl, names: Sequence[str]) -> bool:
    live: list[Any] = kubectl.items("customresourcedefinitions")
    ready = {
        m["metadata"]["name"]
        for m in live
        for condition in m.get("status", {}).get("conditions", ())
        if (condition["type"], condition["status"]) == ("Established", "True")
    }
    return ready >= set(names)


def apply(kubectl: Kubectl, manifests: Sequence[Manifest], say: Progress) -> None:
    """All of them as they are here; what cannot be changed in place is deleted first, its volumes kept."""
    if not manifests:
        return
    try:
        kubectl.apply(manifests)
    except KubectlFailed as refused:
        fixed = set(_FIXED.findall(str(refused)))
        old = [m for m in manifests if (key(m)[0], key(m)[2]) in fixed]
        if not old:
            raise
        for manifest in old:
            kind, namespace, name = key(manifest)
            say(f"replacing {kind} {namespace}/{name}: some of it cannot be changed in place")
            kubectl.run("delete", kind, name, f"--namespace={namespace}", "--ignore-not-found")
        kubectl.apply(manifests)
