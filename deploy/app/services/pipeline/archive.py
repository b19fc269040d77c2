"""automated-backup: Redis and the namespace's objects into one archive, which goes to the bucket; nothing local is lost if that fails."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import subprocess
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import httpx
import yaml

from services.pipeline.places import Places
from services.settings import Settings

log = logging.getLogger("services.pipeline.archive")

KEEP = 7
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
CONFIGMAPS = {"ConfigMap": "/api/v1/{}/configmaps"}
SECRETS = {"Secret": "/api/v1/{}/secrets"}
# The runbook names the first three; the others are needed to make the namespace anew.
RESOURCES = {
    "Deployment": "/apis/apps/v1/{}/deployments",
    "Service": "/api/v1/{}/services",
    "Ingress": "/apis/networking.k8s.io/v1/{}/ingresses",
    "StatefulSet": "/apis/apps/v1/{}/statefulsets",
    "CronJob": "/apis/batch/v1/{}/cronjobs",
    "PersistentVolumeClaim": "/api/v1/{}/persistentvolumeclaims",
    "ServiceAccount": "/api/v1/{}/serviceaccounts",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/{}/networkpolicies",
    "PodDisruptionBudget": "/apis/policy/v1/{}/poddisruptionbudgets",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/{}/horizontalpodautoscalers",
    "Role": "/apis/rbac.authorization.k8s.io/v1/{}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/{}/rolebindings",
}
_GONE = ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp")


def run(settings: Settings) -> None:
    """One archive in the bucket, and one export beside it; an exception, and the local copy kept, where a step fails."""
    shelf = Path(os.environ.get("BACKUP_DIR", "/backups"))
    name = f"{datetime.now(UTC):%Y%m%d_%H%M%S}"
    folder = shelf / name
    folder.mkdir()
    dump_redis(settings, folder / "redis.rdb")
    namespace = (_ACCOUNT / "namespace").read_text()
    for file, kinds in (("configmaps", CONFIGMAPS), ("secrets", SECRETS), ("k8s-resources", RESOURCES)):
        write(folder / f"{file}.yaml", exported(kinds, namespace))
    packed = pack(folder)
    # An earlier one may have been kept because the bucket was away.
    for waiting in sorted(shelf.glob("*.tar.gz")):
        upload(Places.from_environment().bucket, waiting)
    # Only what is not secret stays on the claim, for those who look things up.
    for file in ("configmaps", "k8s-resources"):
        (folder / f"{file}.yaml").rename(shelf / f"{file}_{name}.yaml")
    for done in shelf.glob("*.tar.gz"):
        shutil.rmtree(done.with_name(done.name.removesuffix(".tar.gz")), ignore_errors=True)
        done.unlink()
    forget_old(shelf)
    log.info("backup completed: %s", packed.name)


def dump_redis(settings: Settings, path: Path) -> None:
    """Redis's whole content as an RDB file."""
    address = ["-h", settings.redis_host, "--rdb", str(path)]
    environment = os.environ | {"REDISCLI_AUTH": settings.redis_password}
    subprocess.run(["redis-cli", *address], env=environment, check=True, capture_output=True, timeout=60)


def exported(kinds: dict[str, str], namespace: str) -> list[dict[str, object]]:
    """Every object of these kinds, without what the API server adds by itself."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    headers = {"Authorization": f"Bearer {(_ACCOUNT / 'token').read_text()}"}
    found: list[dict[str, object]] = []
    with httpx.Client(
        base_url=f"https://{host}:{port}", headers=headers, verify=str(_ACCOUNT / "ca.crt")
    ) as api:
        for kind, path in kinds.items():
            answer = api.get(path.format(f"namespaces/{namespace}")).raise_for_status().json()
            said = {"apiVersion": answer["apiVersion"], "kind": kind}
            found += [said | _plain(item) for item in answer["items"]]
    return found


def _plain(item: dict[str, object]) -> dict[str, object]:
    metadata = item["metadata"]
    assert isinstance(metadata, dict)
    kept = {name: value for name, value in metadata.items() if name not in _GONE}
    return {name: value for name, value in item.items() if name != "status"} | {"metadata": kept}


def write(path: Path, items: list[dict[str, object]]) -> None:
    """The objects as one List, for its owner's eyes only."""
    document = {"apiVersion": "v1", "kind": "List", "items": items}
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document, sort_keys=False))


def pack(folder: Path) -> Path:
    """The folder as an archive of its files beside it."""
    packed = folder.with_name(f"{folder.name}.tar.gz")
    packed.touch(mode=0o600)
    with tarfile.open(packed, "w:gz") as archive:
        for file in sorted(folder.iterdir()):
            archive.add(file, f"{folder.name}/{file.name}")
    return packed


def upload(bucket: str, packed: Path) -> None:
    """The archive in the bucket, compared with what the bucket says it got; an exception where it is not there."""
    content = packed.read_bytes()
    answer = httpx.put(f"{bucket}/{packed.name}", content=content, timeout=30).raise_for_status().json()
    if answer["sha256"] != hashlib.sha256(content).hexdigest():
        raise RuntimeError(f"{packed.name}: the bucket holds something else")


def forget_old(shelf: Path) -> None:
    """Keep the newest exports of each sort."""
    for file in ("configmaps", "k8s-resources"):
        for old in sorted(shelf.glob(f"{file}_*.yaml"))[:-KEEP]:
            old.unlink()
