"""The pod's own namespace, as its account may read and change it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

Json = dict[str, Any]

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_APPS, _BATCH = "/apis/apps/v1", "/apis/batch/v1"


class Namespace:
    """Deployments, pods and jobs of one namespace; httpx.HTTPError where the API server refuses or does not answer."""

    def __init__(self) -> None:
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
        self._name = (_ACCOUNT / "namespace").read_text()
        headers = {"Authorization": f"Bearer {(_ACCOUNT / 'token').read_text()}"}
        ca = str(_ACCOUNT / "ca.crt")
        self._api = httpx.Client(base_url=f"https://{host}:{port}", headers=headers, verify=ca, timeout=10)

    def deployment(self, name: str) -> Json:
        """A Deployment as it is now."""
        return self._ask("GET", f"{_APPS}/namespaces/{self._name}/deployments/{name}")

    def change(self, name: str, patch: Json) -> None:
        """A merge patch on a Deployment."""
        self._ask("PATCH", f"{_APPS}/namespaces/{self._name}/deployments/{name}", patch)

    def restart(self, name: str) -> None:
        """A rolling restart of a Deployment, as kubectl asks for one."""
        stamp = {"kubectl.kubernetes.io/restartedAt": datetime.now(UTC).isoformat(timespec="seconds")}
        self.change(name, {"spec": {"template": {"metadata": {"annotations": stamp}}}})

    def complete(self, name: str) -> bool:
        """Whether every replica is of the newest template and available."""
        there = self.deployment(name)
        status, wanted = there.get("status", {}), there["spec"]["replicas"]
        counts = (status.get(key, 0) for key in ("updatedReplicas", "availableReplicas", "replicas"))
        seen: bool = status.get("observedGeneration", 0) >= there["metadata"]["generation"]
        return seen and all(count == wanted for count in counts)

    def pods(self, *apps: str) -> int:
        """How many pods of these there are, those on their way out too."""
        selector = {"labelSelector": f"app in ({','.join(apps)})"}
        found: list[Json] = self._ask("GET", f"/api/v1/namespaces/{self._name}/pods", params=selector)[
            "items"
        ]
        return len(found)

    def begin(self, cronjob: str, name: str) -> None:
        """A job of that schedule, now; it is forgotten some minutes after its end."""
        template = self._ask("GET", f"{_BATCH}/namespaces/{self._name}/cronjobs/{cronjob}")
        body = template["spec"]["jobTemplate"] | {"metadata": {"name": name, "labels": {"app": cronjob}}}
        body["spec"] = body["spec"] | {"backoffLimit": 0, "ttlSecondsAfterFinished": 300}
        self._ask("POST", f"{_BATCH}/namespaces/{self._name}/jobs", body)

    def ended(self, job: str) -> bool | None:
        """Whether a job succeeded; None while it runs."""
        status = self._ask("GET", f"{_BATCH}/namespaces/{self._name}/jobs/{job}").get("status", {})
        return True if status.get("succeeded") else False if status.get("failed") else None

    def _ask(self, method: str, path: str, body: Json | None = None, params: Json | None = None) -> Json:
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        answer = self._api.request(method, path, json=body, params=params, headers={"Content-Type": kind})
        found: Json = answer.raise_for_status().json()
        return found


def wait(what: str, seconds: float, so: Callable[[], bool]) -> float:
    """Seconds until it was so; TimeoutError where it was not in time. A server that does not answer is asked again."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        try:
            if so():
                return time.monotonic() - began
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    raise TimeoutError(f"{what}: not within {seconds:g} s")
