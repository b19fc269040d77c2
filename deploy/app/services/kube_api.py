"""The API server and the kubelets as a pod's own account may read them."""

from __future__ import annotations

import http.client
import json
import os
import ssl
from functools import cache
from pathlib import Path

from services.kube_families import Item

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TIMEOUT_SECONDS = 5.0
_KUBELET_PORT = 10250


def listed(path: str) -> list[Item]:
    """The objects under this API path; OSError or HTTPException where the API server does not answer."""
    # resourceVersion=0 is answered from the API server's memory.
    items: list[Item] = json.loads(api_page(f"{path}?resourceVersion=0"))["items"] or []
    return items


def api_page(path: str) -> str:
    """What the API server says under this path."""
    return _page(_api_server(), path)


def kubelet_pages(path: str) -> dict[str, str]:
    """Node -> what its kubelet says under this path; a node whose kubelet does not answer is missing."""
    pages = {}
    for node in listed("/api/v1/nodes"):
        addresses = {address["type"]: address["address"] for address in node["status"]["addresses"]}
        try:
            pages[node["metadata"]["name"]] = _page(_kubelet(addresses["InternalIP"]), path)
        except (OSError, http.client.HTTPException):
            continue
    return pages


@cache
def _api_server() -> http.client.HTTPSConnection:
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
    context = ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt"))
    return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_SECONDS, context=context)


@cache
def _kubelet(address: str) -> http.client.HTTPSConnection:
    # A kubelet's serving certificate is its own work.
    context = ssl._create_unverified_context()
    return http.client.HTTPSConnection(address, _KUBELET_PORT, timeout=_TIMEOUT_SECONDS, context=context)


def _page(connection: http.client.HTTPSConnection, path: str) -> str:
    try:
        token = (_ACCOUNT / "token").read_text()
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException):
        # The next request opens it anew.
        connection.close()
        raise
    if response.status != 200:
        raise http.client.HTTPException(f"{path}: {response.status}")
    return body.decode()
