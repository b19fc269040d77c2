"""All of one platform that shall be in the cluster, whether it is, and putting it there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rundrill.cluster.provider import Progress
from rundrill.platform import first_runs, monitoring
from rundrill.platform.applying import apply, first_things, wait_for_kinds
from rundrill.platform.certificates import Wanted, read_certificates
from rundrill.platform.cluster_client import Kubectl, Manifest
from rundrill.platform.credentials import Recipes, Values, missing_credentials, read_recipes, read_secrets
from rundrill.platform.manifests import (
    PLATFORMS,
    SHARED_MONITORING,
    digest_of,
    key,
    monitoring_of,
    mounts_secret,
    namespaces_of,
    read_platform,
    read_shared,
)
from rundrill.platform.schedule import Schedules
from rundrill.policy import Policy
from rundrill.profile import Profile

SHARED = "shared"
_KEPT = frozenset({"Namespace", "PersistentVolumeClaim", "CustomResourceDefinition"})
"""Kinds that hold what no later `up` could bring back: never removed because a file names them no more."""


@dataclass(frozen=True)
class Stack:
    """The objects of one platform, or of what all of them share, and what is made in the cluster itself."""

    name: str
    home: str
    """The namespace that remembers what the cluster was given."""
    manifests: list[Manifest]
    schedules: Schedules = field(default_factory=Schedules)
    generated: list[Manifest] = field(default_factory=list)
    credentials: Recipes = field(default_factory=dict)
    certificates: Sequence[Wanted] = ()

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Every namespace that it is in."""
        return namespaces_of(self.manifests)

    @property
    def digest(self) -> str:
        """Differs where any object does, or any schedule."""
        return digest_of([*self.manifests, *self.generated, self.schedules.as_manifest()])

    def stands(self, live: Mapping[tuple[str, str, str], Manifest], secrets: Values) -> bool:
        """Whether the cluster was given exactly this, and still has all of it."""
        remembered: Any = live.get(("ConfigMap", self.home, self._memory), {})
        if remembered.get("data", {}).get("digest") != self.digest:
            return False
        now = datetime.now(UTC)
        return (
            all(live.get(key(m), {}).get("data") == m["data"] for m in self.generated)
            and all(key(m) in live for m in self.manifests)
            and not missing_credentials(self.credentials, secrets)
            and not any(certificate.needs_renewal(secrets, now) for certificate in self.certificates)
        )

    def put(self, kubectl: Kubectl, say: Progress) -> None:
        """Every object in place, in an order in which nothing waits for what comes later."""
        first = first_things(self.manifests)
        apply(kubectl, first, say)
        wait_for_kinds(kubectl, first)
        secrets = read_secrets(kubectl, {name for name, _, _ in self.credentials} | self._certified)
        apply(kubectl, missing_credentials(self.credentials, secrets), say)
        now = datetime.now(UTC)
        renewed = [c for c in self.certificates if c.needs_renewal(secrets, now)]
        apply(kubectl, [m for certificate in renewed for m in certificate.objects()], say)
        before = self._given(kubectl)
        # An `up` that ends half-way must not forget what it brought.
        self._remember(kubectl, "", {*before, *map(key, self.manifests)})
        say(f"{self.name}: applying {len(self.manifests)} objects")
        apply(kubectl, [*self.generated, *(self.schedules.paced(m, kubectl) for m in self.manifests)], say)
        self._remove(kubectl, before, say)
        for certificate in renewed:
            if certificate.leaf(secrets):
                self._restart_users(kubectl, certificate)

    @property
    def _certified(self) -> set[str]:
        return {certificate.namespace for certificate in self.certificates}

    @property
    def _memory(self) -> str:
        return "rundrill-shared-state" if self.name == SHARED else "rundrill-state"

    def settle(self, kubectl: Kubectl, say: Progress) -> None:
        """When all of it is ready: the servers read what was generated, and the cluster remembers what it has."""
        if self.generated:
            monitoring.reload(kubectl, self.name, self.generated, say)
        first_runs.begin(kubectl, [m for m in self.manifests if self.schedules.period(m)])
        self._remember(kubectl, self.digest, set(map(key, self.manifests)))

    def _remember(self, kubectl: Kubectl, digest: str, objects: Iterable[tuple[str, str, str]]) -> None:
        metadata = {"name": self._memory, "namespace": self.home}
        lines = "\n".join(sorted(" ".join(words) for words in objects))
        given = {"digest": digest, "platform": self.name, "objects": lines}
        kubectl.apply([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": given}])

    def _given(self, kubectl: Kubectl) -> list[tuple[str, str, str]]:
        """What an earlier `up` brought."""
        found: list[Any] = kubectl.items("configmap", self._memory, f"--namespace={self.home}")
        lines = found[0].get("data", {}).get("objects", "").splitlines() if found else []
        return [(kind, namespace, name) for kind, namespace, name in (line.split(" ") for line in lines)]

    def _remove(self, kubectl: Kubectl, before: Iterable[tuple[str, str, str]], say: Progress) -> None:
        """Takes away what an earlier `up` brought and no file names any more."""
        for kind, namespace, name in sorted(set(before) - set(map(key, self.manifests))):
            if kind not in _KEPT:
                say(f"{self.name}: removing {kind} {namespace}/{name}")
                kubectl.remove(kind, namespace, name)

    def _restart_users(self, kubectl: Kubectl, certificate: Wanted) -> None:
        for manifest in self.manifests:
            kind, namespace, name = key(manifest)
            if namespace == certificate.namespace and mounts_secret(manifest, certificate.name):
                kubectl.run("rollout", "restart", f"{kind.lower()}/{name}", f"--namespace={namespace}")


def platform_stack(slug: str, images: Mapping[str, str], policy: Policy, profile: Profile) -> Stack:
    """Everything of one platform; without rules where the policy does not know it."""
    manifests = read_platform(slug, images)
    places = policy.platform(slug).backups if monitoring.in_policy(policy, slug) else {}
    backups = {(place.namespace, place.cronjob) for place in places.values() if place.cronjob}
    return Stack(
        slug,
        monitoring_of(slug),
        manifests,
        Schedules(profile.pace(profile.backup_every), frozenset(backups)),
        monitoring.config_maps(policy, slug, profile, namespaces_of(manifests)),
        read_recipes(PLATFORMS / slug / "credentials.yaml"),
        read_certificates(PLATFORMS / slug / "certificates.yaml"),
    )


def shared_stack(images: Mapping[str, str]) -> Stack:
    """What every platform's monitoring shares."""
    return Stack(SHARED, SHARED_MONITORING, read_shared(images))
