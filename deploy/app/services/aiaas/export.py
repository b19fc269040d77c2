"""aiaas-export: the namespace's objects as YAML files, readable by their owner alone; the newest seven sets are kept."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import yaml

from services.settings import Settings

log = logging.getLogger("services.export")

KEEP = 7
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_CORE = ("serviceaccounts", "services", "persistentvolumeclaims")
PATHS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "resources": (
        *(("api/v1", name) for name in _CORE),
        ("apis/apps/v1", "deployments"),
        ("apis/apps/v1", "statefulsets"),
        ("apis/batch/v1", "cronjobs"),
        ("apis/networking.k8s.io/v1", "ingresses"),
        ("apis/networking.k8s.io/v1", "networkpolicies"),
        ("apis/policy/v1", "poddisruptionbudgets"),
        ("apis/rbac.authorization.k8s.io/v1", "roles"),
        ("apis/rbac.authorization.k8s.io/v1", "rolebindings"),
    ),
    "configmaps": (("api/v1", "configmaps"),),
    "secrets": (("api/v1", "secrets"),),
}
"""File name -> the API paths whose objects it holds; one file each, since they are guarded differently."""
_OF_THE_SERVER = ("managedFields", "resourceVersion", "uid", "generation")


def listed(client: httpx.Client, group: str, plural: str, namespace: str) -> list[dict[str, Any]]:
    """The objects of one kind, each with its kind, without what only the server knows; HTTPError where it fails."""
    answer = client.get(f"/{group}/namespaces/{namespace}/{plural}").raise_for_status().json()
    kind = str(answer["kind"]).removesuffix("List")
    return [applicable(item, answer["apiVersion"], kind) for item in answer["items"]]


def applicable(item: Mapping[str, Any], version: str, kind: str) -> dict[str, Any]:
    """The object as it could be applied again."""
    metadata = {name: value for name, value in item["metadata"].items() if name not in _OF_THE_SERVER}
    rest = {name: value for name, value in item.items() if name not in ("metadata", "status")}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}


def write(folder: Path, name: str, stamp: str, items: Iterable[Mapping[str, Any]]) -> Path:
    """The finished file, mode 0600; nothing under the final name until all of it is there."""
    final = folder / f"{name}_{stamp}.yaml"
    partial = folder / f".{final.name}.partial"
    document = {"apiVersion": "v1", "kind": "List", "items": list(items)}
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
    """One export into EXPORT_DIR; the process fails where any kind cannot be read."""
    folder, namespace = Path(os.environ.get("EXPORT_DIR", "/exports")), (_ACCOUNT / "namespace").read_text()
    stamp = datetime.now(UTC).strftime("%Y%m%d_%H%M%S")
    with _api() as client:
        for name, paths in PATHS.items():
            items = [item for group, plural in paths for item in listed(client, group, plural, namespace)]
            log.info("exported %d objects: %s", len(items), write(folder, name, stamp, items).name)
            forget_old(folder, name)


def _api() -> httpx.Client:
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    token = (_ACCOUNT / "token").read_text()
    return httpx.Client(
        base_url=f"https://{host}:{port}",
        headers={"Authorization": f"Bearer {token}"},
        verify=str(_ACCOUNT / "ca.crt"),
        timeout=20.0,
        trust_env=False,
    )
