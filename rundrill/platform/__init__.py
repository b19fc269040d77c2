"""The reference platforms on a drill cluster: images, manifests, credentials, monitoring."""

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rundrill.cluster.provider import Progress, Provider
from rundrill.errors import PolicyError, RundrillError, TargetError
from rundrill.platform import first_runs
from rundrill.platform.arrivals import Arrivals
from rundrill.platform.cluster_client import Kubectl, KubectlFailed, Manifest
from rundrill.platform.credentials import decoded
from rundrill.platform.image import base_image, database_image, deliver, next_release, services_image
from rundrill.platform.layers import Image
from rundrill.platform.manifests import (
    BASE_PLACEHOLDER,
    DATABASE_PLACEHOLDER,
    NEXT_PLACEHOLDER,
    PLACEHOLDER,
    has_next_release,
    key,
    platforms,
)
from rundrill.platform.monitoring import in_policy
from rundrill.platform.old_images import forget_old_images
from rundrill.platform.stack import SHARED, Stack, platform_stack, shared_stack
from rundrill.platform.workloads import unready
from rundrill.policy import Policy
from rundrill.profile import Profile

__all__ = ["bring_up", "check_slugs", "platforms", "wanted_platforms"]

DATA_LABEL = "rundrill.dev/data"


class PlatformsFailed(TargetError):
    """Some platforms are not up; the message has a paragraph for each."""


def wanted_platforms(policy: Policy) -> tuple[str, ...]:
    """The reference platforms that the policy has on some target."""
    return tuple(slug for slug in platforms() if in_policy(policy, slug))


def check_slugs(slugs: Sequence[str]) -> None:
    """PolicyError where a name is no platform's, with those that are."""
    for slug in slugs:
        if slug not in platforms():
            raise PolicyError(f"--platform {slug}: there is no such platform, only {', '.join(platforms())}")


def bring_up(slugs: Sequence[str], provider: Provider, policy: Policy, say: Progress) -> None:
    """These platforms on the cluster, as the sources and the policy say, every workload ready; heals what is not.

    What is wrong with one does not stop the others; PlatformsFailed names each in the end.
    """
    check_slugs(slugs)
    home = Path(os.environ.get("RUNDRILL_HOME") or Path.home() / ".cache" / "rundrill").resolve()
    with _alone(home, say):
        kubectl = Kubectl(provider.kubectl(), provider.kubeconfig(), say)
        arrivals = Arrivals(kubectl, say)
        stacks = list(_stacks(slugs, provider, policy, home, arrivals))
        if lacking := _lacking(kubectl, stacks, say):
            _choose_data_node(kubectl)
            arrivals.settle(lacking)
            first_runs.wait(kubectl, say)
            forget_old_images(provider, kubectl, say)
    if arrivals.failed:
        raise PlatformsFailed(
            "\n".join(["not all is up", *(f"{name}: {why}" for name, why in arrivals.failed.items())])
        )


def _stacks(
    slugs: Sequence[str], provider: Provider, policy: Policy, home: Path, arrivals: Arrivals
) -> Iterator[Stack]:
    """What is shared, and each platform whose files can be read; their images on every node."""
    base = base_image(home, arrivals.say)
    database, profile = database_image(base), _drill_profile(policy)
    services = {slug: services_image(base, slug) for slug in ("", *slugs)}
    coming = {slug: next_release(services[slug]) for slug in slugs if has_next_release(slug)}
    deliver([database, *services.values(), *coming.values()], base, provider, home, arrivals.say)
    yield shared_stack(_refs(base, database, services[""]))
    for slug in slugs:
        try:
            refs = _refs(base, database, services[slug])
            refs |= {NEXT_PLACEHOLDER: coming[slug].ref} if slug in coming else {}
            yield platform_stack(slug, refs, policy, profile)
        except RundrillError as problem:
            arrivals.failed[slug] = str(problem)


def _refs(base: Image, database: Image, services: Image) -> dict[str, str]:
    return {PLACEHOLDER: services.ref, DATABASE_PLACEHOLDER: database.ref, BASE_PLACEHOLDER: base.ref}


def _lacking(kubectl: Kubectl, stacks: Sequence[Stack], say: Progress) -> list[Stack]:
    """Those that are not in the cluster as they should be, or not ready."""
    kinds = {str(m["kind"]) for stack in stacks for m in stack.manifests} | {"Secret", "ConfigMap"}
    live = _live(kubectl, kinds)
    secrets = decoded(item for item in live.values() if item["kind"] == "Secret")
    standing = [s for s in stacks if s.stands(live, secrets) and not unready(live, s.manifests)]
    for stack in standing:
        if stack.name != SHARED:
            say(f"{stack.name}: up, nothing to change")
    return [stack for stack in stacks if stack.name not in {s.name for s in standing}]


def _live(kubectl: Kubectl, kinds: set[str]) -> Mapping[tuple[str, str, str], Manifest]:
    """Every object of these kinds; none where the cluster does not know one of them yet."""
    try:
        return {key(item): item for item in kubectl.items(",".join(sorted(kinds)), "--all-namespaces")}
    except KubectlFailed as refused:
        if "resource type" not in str(refused):
            raise
        return {}


def _drill_profile(policy: Policy) -> Profile:
    """The time profile of the drill cluster's entry in `targets`."""
    for name, entry in policy.targets.items():
        if "rundrill" in name:
            return policy.profiles[entry.profile]
    raise PolicyError(f"{policy.path}: targets: no entry for the drill cluster (expected kube://rundrill)")


def _choose_data_node(kubectl: Kubectl) -> None:
    """The node that keeps volumes: the first by name, unless one is chosen already."""
    nodes: Any = kubectl.items("nodes")
    if not any(DATA_LABEL in node["metadata"]["labels"] for node in nodes):
        first = min(node["metadata"]["name"] for node in nodes)
        kubectl.run("label", "node", first, f"{DATA_LABEL}=true")


@contextmanager
def _alone(home: Path, say: Progress) -> Iterator[None]:
    """Lets one process at a time bring platforms up: two at once are slower than one after the other."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "platforms.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another rundrill that brings platforms up")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
