"""Taking single platforms off a cluster: what is only theirs goes, what others use stays."""

from collections.abc import Sequence
from typing import Any

from rundrill import ledger
from rundrill.cluster.provider import Progress
from rundrill.errors import TargetError
from rundrill.platform.cluster_client import Kubectl
from rundrill.platform.manifests import key, namespaces_of, platforms, read_platform, read_shared

GONE_WITHIN_S = 300
_OPEN_FAULTS = ("configmaps", f"--namespace={ledger.NAMESPACE}", f"--selector={ledger.STATE}=open")


def take_down(slugs: Sequence[str], kubectl: Kubectl, say: Progress) -> None:
    """Removes every object, volume and namespace that only these platforms have; TargetError where a fault is open."""
    _refuse_open_faults(kubectl, slugs)
    theirs = {key(m) for slug in slugs for m in read_platform(slug, {})}
    others = [m for slug in platforms() if slug not in slugs for m in read_platform(slug, {})]
    kept = {key(m) for m in [*others, *read_shared({})]}
    going = sorted(theirs - kept)
    places = {name for kind, _, name in going if kind == "Namespace"} - set(namespaces_of(others))
    say(f"{', '.join(slugs)}: removing {len(going)} objects and what they made")
    for kind, namespace, name in going:
        if namespace not in places and kind != "Namespace":
            kubectl.remove(kind, namespace, name)
    if places:
        words = ["delete", "namespace", *sorted(places), "--ignore-not-found"]
        kubectl.run(*words, f"--timeout={GONE_WITHIN_S}s", timeout_s=GONE_WITHIN_S + 10)
    for slug in slugs:
        say(f"{slug}: gone")


def _refuse_open_faults(kubectl: Kubectl, slugs: Sequence[str]) -> None:
    entries: list[Any] = kubectl.items(*_OPEN_FAULTS)
    # Of an entry that names no platform nobody knows whose it is.
    disturbed = [e["metadata"]["name"] for e in entries if e["data"].get("runbook", "") in ("", *slugs)]
    if disturbed:
        raise TargetError(f"faults are not undone yet: {', '.join(disturbed)}; run rundrill recover first")
