"""configuration-export: every object of the platform's namespaces as YAML, and one file of the services' own namespace."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from services.aipaas.kubernetes import Json, api, applicable, listed
from services.settings import Settings

if TYPE_CHECKING:
    import httpx

log = logging.getLogger("services.aipaas.export")

KEEP = 7
IN_NAMESPACES = (
    (
        "api/v1",
        (
            "configmaps",
            "secrets",
            "services",
            "serviceaccounts",
            "persistentvolumeclaims",
            "resourcequotas",
            "limitranges",
        ),
    ),
    ("apis/apps/v1", ("deployments", "statefulsets", "daemonsets")),
    ("apis/batch/v1", ("cronjobs",)),
    ("apis/networking.k8s.io/v1", ("ingresses", "networkpolicies")),
    ("apis/policy/v1", ("poddisruptionbudgets",)),
    ("apis/rbac.authorization.k8s.io/v1", ("roles", "rolebindings")),
    ("apis/autoscaling/v2", ("horizontalpodautoscalers",)),
)
"""What `kubectl get all` leaves out is most of it."""
IN_THE_CLUSTER = (
    ("apis/rbac.authorization.k8s.io/v1", ("clusterroles", "clusterrolebindings")),
    ("apis/apiextensions.k8s.io/v1", ("customresourcedefinitions",)),
)


def exported(client: httpx.Client, namespaces: Iterable[str], *, whole: bool) -> list[Json]:
    """Every object of these namespaces, and of the cluster where the `whole` is asked for."""
    paths = [
        f"/{group}/namespaces/{namespace}/{plural}"
        for namespace in namespaces
        for group, plurals in IN_NAMESPACES
        for plural in plurals
    ]
    paths += [f"/{group}/{plural}" for group, plurals in IN_THE_CLUSTER for plural in plurals if whole]
    return [applicable(item) for path in paths for item in listed(client, path)]


def write(folder: Path, name: str, stamp: str, items: list[Json]) -> Path:
    """The finished file, for its owner's eyes only; nothing under the final name until all of it is there."""
    final = folder / f"{name}_{stamp}.yaml"
    partial = folder / f".{final.name}.partial"
    document = {"apiVersion": "v1", "kind": "List", "items": items}
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        yaml.dump(document, file, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False)
        os.fsync(file.fileno())
    partial.rename(final)
    return final


def forget_old(folder: Path, name: str, keep: int = KEEP) -> None:
    """Remove all of these files but the newest."""
    for path in sorted(folder.glob(f"{name}_*.yaml"))[:-keep]:
        path.unlink()


def run(_: Settings) -> None:
    """Both exports into EXPORT_DIR; the process fails where any kind cannot be read."""
    folder = Path(os.environ.get("EXPORT_DIR", "/exports"))
    namespaces = os.environ["EXPORT_NAMESPACES"].split(",")
    stamp = datetime.now(UTC).strftime("%Y%m%d_%H%M%S")
    with api() as client:
        for name, spaces in (("cluster", namespaces), ("microservices", ["microservices"])):
            items = exported(client, spaces, whole=name == "cluster")
            log.info("exported %d objects: %s", len(items), write(folder, name, stamp, items).name)
            forget_old(folder, name)
