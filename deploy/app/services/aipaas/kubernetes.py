"""What the jobs of operations ask the API server, as their own service account."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

Json = dict[str, Any]
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_OF_THE_SERVER = ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp")


def api() -> httpx.Client:
    """A client of the API server; OSError where the pod has no account."""
    # Only the image has it.
    import httpx

    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    return httpx.Client(
        base_url=f"https://{host}:{port}",
        headers={"Authorization": f"Bearer {(_ACCOUNT / 'token').read_text()}"},
        verify=str(_ACCOUNT / "ca.crt"),
        timeout=30.0,
        trust_env=False,
    )


def listed(client: httpx.Client, path: str) -> list[Json]:
    """Every object under this path, each with its version and kind; HTTPError where it is refused."""
    answer = client.get(path).raise_for_status().json()
    said = {"apiVersion": answer["apiVersion"], "kind": str(answer["kind"]).removesuffix("List")}
    return [said | item for item in answer["items"]]


def applicable(item: Mapping[str, Any]) -> Json:
    """The object as it could be applied again: without what only a running server knows."""
    metadata = {name: value for name, value in item["metadata"].items() if name not in _OF_THE_SERVER}
    rest = {name: value for name, value in item.items() if name not in ("metadata", "status")}
    if item["kind"] == "Service" and rest["spec"].get("clusterIP") != "None":
        rest["spec"] = {k: v for k, v in rest["spec"].items() if k not in ("clusterIP", "clusterIPs")}
    return {**rest, "metadata": metadata}
