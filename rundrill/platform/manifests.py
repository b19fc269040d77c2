"""The platform's YAML as objects, with the built image and the state of their configuration filled in."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from rundrill.platform.cluster_client import Manifest
from rundrill.platform.image import DEPLOY

PLACEHOLDER = "rundrill.dev/platform:placeholder"
DATABASE_PLACEHOLDER = "rundrill.dev/database:placeholder"
BASE_PLACEHOLDER = "rundrill.dev/base:placeholder"
CONFIG_ANNOTATION = "rundrill.dev/configuration"
# The monitoring stack is the same for every platform; its configuration is not.
MONITORING = DEPLOY / "monitoring"
# Filled from the policy, and reloaded by the servers themselves: no reason to restart a pod.
RELOADED = frozenset({"prometheus-config", "alertmanager-config"})


def read_manifests(slug: str, images: Mapping[str, str]) -> list[Manifest]:
    """Every object of the platform and its monitoring, in the order of their file names."""
    files = [*sorted((DEPLOY / "platforms" / slug).glob("*.yaml")), *sorted(MONITORING.glob("*.yaml"))]
    manifests = [m for file in files for m in read_objects(file, images)]
    _mark_configuration(manifests)
    return manifests


def read_objects(file: Path, images: Mapping[str, str]) -> list[Manifest]:
    """The objects of one file, each placeholder replaced by its image's reference."""
    text = file.read_text()
    for placeholder, ref in images.items():
        text = text.replace(placeholder, ref)
    return [document for document in yaml.safe_load_all(text) if document]


def _mark_configuration(manifests: list[Manifest]) -> None:
    """Give each pod template the digest of the ConfigMaps it uses, so that a changed one rolls its pods."""
    digests = {key(m): _digest(m["data"]) for m in manifests if m["kind"] == "ConfigMap"}
    for manifest in manifests:
        for template in pod_templates(manifest):
            namespace = _metadata(manifest)["namespace"]
            used = [digests.get(("ConfigMap", namespace, name)) for name in sorted(_config_maps(template))]
            if any(used):
                annotations = template["metadata"].setdefault("annotations", {})
                annotations[CONFIG_ANNOTATION] = _digest(used)


def pod_templates(manifest: Manifest) -> Iterator[dict[str, Any]]:
    """The pod template of a Deployment, StatefulSet or DaemonSet; none for any other object."""
    if manifest["kind"] in ("Deployment", "StatefulSet", "DaemonSet"):
        spec: Any = manifest["spec"]
        yield spec["template"]


def _config_maps(template: dict[str, Any]) -> set[str]:
    spec = template["spec"]
    mounted = {v["configMap"]["name"] for v in spec.get("volumes", ()) if "configMap" in v}
    sources = (source for c in spec["containers"] for source in c.get("envFrom", ()))
    read = {source["configMapRef"]["name"] for source in sources if "configMapRef" in source}
    return (mounted | read) - RELOADED


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
