"""A platform's YAML as objects, with the built images and the state of their configuration filled in."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any

import yaml

from rundrill.errors import PolicyError
from rundrill.platform.app_imports import DEPLOY
from rundrill.platform.cluster_client import Manifest

PLATFORMS = DEPLOY / "platforms"
MONITORING = DEPLOY / "monitoring"
SHARED_MONITORING = "monitoring"
"""The namespace of what every platform's monitoring shares; the first platform's own lives there too."""
FIRST = "aic-aipaas"

PLACEHOLDER = "rundrill.dev/platform:placeholder"
DATABASE_PLACEHOLDER = "rundrill.dev/database:placeholder"
BASE_PLACEHOLDER = "rundrill.dev/base:placeholder"
NEXT_PLACEHOLDER = "rundrill.dev/next:placeholder"
"""The platform's image under another tag, for a ConfigMap that says what a drill may roll out."""
# libyaml, where it is there, reads five platforms in a tenth of a second instead of one.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
CONFIG_ANNOTATION = "rundrill.dev/configuration"
# Filled from the policy, and reloaded by the servers themselves: no reason to restart a pod.
RELOADED = frozenset({"prometheus-config", "alertmanager-config"})


def platforms() -> tuple[str, ...]:
    """The names of the reference platforms."""
    return tuple(sorted(p.name for p in PLATFORMS.iterdir() if any(p.glob("[0-9]*.yaml"))))


def has_next_release(slug: str) -> bool:
    """Whether a platform's files name a next version."""
    return any(NEXT_PLACEHOLDER in file.read_text() for file in (PLATFORMS / slug).glob("[0-9]*.yaml"))


def monitoring_of(slug: str) -> str:
    """The namespace of a platform's Prometheus and Alertmanager."""
    return SHARED_MONITORING if slug == FIRST else f"{slug}-monitoring"


def read_platform(slug: str, images: Mapping[str, str]) -> list[Manifest]:
    """Every object of the platform and its own monitoring, in the order of their file names."""
    filled = {"slug": slug, "namespace": monitoring_of(slug)}
    own = [
        m for file in sorted((MONITORING / "platform").glob("*.yaml")) for m in _read(file, images, filled)
    ]
    # The shared namespace belongs to what is shared.
    own = [m for m in own if key(m) != ("Namespace", "", SHARED_MONITORING)]
    files = sorted((PLATFORMS / slug).glob("[0-9]*.yaml"))
    return _marked([*(m for file in files for m in _read(file, images)), *own])


def read_shared(images: Mapping[str, str]) -> list[Manifest]:
    """Every object that all platforms' monitoring shares."""
    return _marked(
        [m for file in sorted((MONITORING / "shared").glob("*.yaml")) for m in _read(file, images)]
    )


def namespaces_of(manifests: Iterable[Manifest]) -> tuple[str, ...]:
    """The namespaces that these objects are in or make."""
    named = [key(m) for m in manifests]
    made = {name for kind, _, name in named if kind == "Namespace"}
    return tuple(sorted(made | {namespace for _, namespace, _ in named if namespace}))


def _read(file: Path, images: Mapping[str, str], filled: Mapping[str, str] | None = None) -> list[Manifest]:
    """The objects of one file, each placeholder replaced by its image's reference; PolicyError where it is no YAML."""
    text = file.read_text()
    if filled:
        text = Template(text).substitute(filled)
    for placeholder, ref in images.items():
        text = text.replace(placeholder, ref)
    try:
        found = [document for document in yaml.load_all(text, _LOADER) if document]
        for document in found:
            key(document)
    except (yaml.YAMLError, KeyError, TypeError, AssertionError) as problem:
        raise PolicyError(f"{file}: {problem!r}; expected Kubernetes objects") from problem
    return found


def _marked(manifests: list[Manifest]) -> list[Manifest]:
    """Give each pod template the digest of the ConfigMaps it uses, so that a changed one rolls its pods."""
    digests = {key(m): _digest(m.get("data")) for m in manifests if m["kind"] == "ConfigMap"}
    for manifest in manifests:
        for template in pod_templates(manifest):
            namespace = _metadata(manifest)["namespace"]
            used = [digests.get(("ConfigMap", namespace, name)) for name in sorted(_config_maps(template))]
            if any(used):
                annotations = template.setdefault("metadata", {}).setdefault("annotations", {})
                annotations[CONFIG_ANNOTATION] = _digest(used)
    return manifests


def pod_templates(manifest: Manifest) -> Iterator[dict[str, Any]]:
    """The pod template of a Deployment, StatefulSet or DaemonSet; none for any other object."""
    if manifest["kind"] in ("Deployment", "StatefulSet", "DaemonSet"):
        spec: Any = manifest["spec"]
        yield spec["template"]


def _config_maps(template: dict[str, Any]) -> set[str]:
    spec = template["spec"]
    mounted = {v["configMap"]["name"] for v in spec.get("volumes", ()) if "configMap" in v}
    sources = (s for c in _containers(spec) for s in c.get("envFrom", ()))
    read = {source["configMapRef"]["name"] for source in sources if "configMapRef" in source}
    named = (
        e.get("valueFrom", {}).get("configMapKeyRef") for c in _containers(spec) for e in c.get("env", ())
    )
    return (mounted | read | {reference["name"] for reference in named if reference}) - RELOADED


def _containers(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [*spec["containers"], *spec.get("initContainers", ())]


def mounts_secret(manifest: Manifest, name: str) -> bool:
    """Whether the workload's pods have that Secret as a volume."""
    volumes = (v for template in pod_templates(manifest) for v in template["spec"].get("volumes", ()))
    return any(volume.get("secret", {}).get("secretName") == name for volume in volumes)


def key(manifest: Manifest) -> tuple[str, str, str]:
    """Kind, namespace ("" where it has none) and name."""
    metadata = _metadata(manifest)
    return str(manifest["kind"]), str(metadata.get("namespace", "")), str(metadata["name"])


def digest_of(manifests: Iterable[Manifest]) -> str:
    """One digest of all the objects."""
    return _digest(list(manifests))


def _metadata(manifest: Manifest) -> dict[str, Any]:
    metadata = manifest["metadata"]
    assert isinstance(metadata, dict)
    return metadata


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
