"""The export of the namespace's configuration and of its RBAC: two dated files, all kinds that a recovery needs."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime
from pathlib import Path

import yaml

from services.aia.cluster import Json, Refused, ask, own_namespace
from services.settings import Settings

log = logging.getLogger("services.aia.export")

KEEP_DAYS = 14
# The namespace itself first: nothing can be applied without it.
CONFIGURATION = (
    "apps/v1/deployments",
    "apps/v1/statefulsets",
    "apps/v1/daemonsets",
    "batch/v1/cronjobs",
    "v1/services",
    "v1/configmaps",
    "v1/secrets",
    "v1/persistentvolumeclaims",
    "v1/resourcequotas",
    "v1/limitranges",
    "networking.k8s.io/v1/ingresses",
    "networking.k8s.io/v1/networkpolicies",
    "policy/v1/poddisruptionbudgets",
    "autoscaling/v2/horizontalpodautoscalers",
    "external-secrets.io/v1/externalsecrets",
    "external-secrets.io/v1/secretstores",
)
# A cluster without a vertical autoscaler does not know its kind.
OPTIONAL = ("autoscaling.k8s.io/v1/verticalpodautoscalers",)
RBAC = (
    "v1/serviceaccounts",
    "rbac.authorization.k8s.io/v1/roles",
    "rbac.authorization.k8s.io/v1/rolebindings",
)
_OF_THE_SERVER = ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink")


def listed(resource: str, namespace: str) -> list[Json]:
    """Every object of `group/version/plural` in the namespace, fit to be applied again."""
    version, _, plural = resource.rpartition("/")
    prefix = "/api" if "/" not in version else "/apis"
    answer = ask("GET", f"{prefix}/{version}/namespaces/{namespace}/{plural}")
    kind = str(answer["kind"]).removesuffix("List")
    return [_fit({"apiVersion": version, "kind": kind} | item) for item in answer["items"] or []]


def _fit(item: Json) -> Json:
    metadata = {k: v for k, v in item["metadata"].items() if k not in _OF_THE_SERVER}
    return {k: v for k, v in item.items() if k != "status"} | {"metadata": metadata}


def configuration(namespace: str) -> list[Json]:
    """The namespace and everything in it, but what a controller or the cluster makes by itself."""
    itself = _fit({"apiVersion": "v1", "kind": "Namespace"} | ask("GET", f"/api/v1/namespaces/{namespace}"))
    objects = [item for resource in CONFIGURATION for item in listed(resource, namespace)]
    for resource in OPTIONAL:
        try:
            objects += listed(resource, namespace)
        except Refused as refused:
            if refused.status != 404:
                raise
    return [itself, *objects]


def write(folder: Path, name: str, items: list[Json]) -> Path:
    """The file under its final name, readable by its owner only, since Secrets stand in it."""
    path, partial = folder / name, folder / f".{name}.partial"
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    with partial.open("w") as file:
        yaml.dump(
            {"apiVersion": "v1", "kind": "List", "items": items}, file, Dumper=_dumper(), sort_keys=False
        )
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
    return path


def _dumper() -> type:
    found: type = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return found


def forget_old(folder: Path) -> None:
    """Removes all but the newest files of each kind."""
    for pattern in ("backup-*.yaml", "rbac-backup-*.yaml"):
        for path in sorted(folder.glob(pattern))[:-KEEP_DAYS]:
            path.unlink()
            log.info("old export removed: %s", path.name)


def run(_: Settings) -> None:
    """Both exports of today into EXPORT_DIR; the process fails where one does."""
    folder, namespace = Path(os.environ.get("EXPORT_DIR", "/exports")), own_namespace()
    today = f"{datetime.now(UTC):%Y%m%d}"
    rights = [item for resource in RBAC for item in listed(resource, namespace)]
    for name, items in (
        (f"backup-{today}.yaml", configuration(namespace)),
        (f"rbac-backup-{today}.yaml", rights),
    ):
        log.info("exported %d objects to %s", len(items), write(folder, name, items).name)
    forget_old(folder)
