"""aia-external-secrets: keeps each ExternalSecret's Kubernetes Secret equal to the secret manager's newest versions.

It knows of an ExternalSecret's spec what this platform uses: refreshInterval, secretStoreRef, target.name and data.
"""

from __future__ import annotations

import base64
import http.client
import json
import logging
import threading
import time
from datetime import UTC, datetime
from urllib.parse import urlsplit

from prometheus_client import Counter, Gauge
from starlette.applications import Starlette

from services.aia.cluster import Json, Refused, ask, own_namespace, own_token
from services.aia.refresh import LOOK_EVERY_SECONDS, due, forced
from services.settings import Settings
from services.web import build

log = logging.getLogger("services.aia.external_secrets")

GROUP = "/apis/external-secrets.io/v1/namespaces"
_TIMEOUT_SECONDS = 5.0

CONDITION = Gauge(
    "externalsecret_status_condition",
    "Whether the condition holds.",
    ["namespace", "name", "condition", "status"],
)
CALLS = Counter("externalsecret_sync_calls", "Synchronisations tried.", ["namespace", "name"])
ERRORS = Counter("externalsecret_sync_calls_error", "Synchronisations that failed.", ["namespace", "name"])


class NotSynced(Exception):
    """Why a Secret could not be brought up to date."""


class Synchroniser:
    """Looks at every ExternalSecret of its namespace every five seconds."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._externals = f"{GROUP}/{namespace}/externalsecrets"
        self._stores = f"{GROUP}/{namespace}/secretstores"
        self._secrets = f"/api/v1/namespaces/{namespace}/secrets"

    def keep_looking(self) -> None:
        """For ever; what goes wrong is logged and tried again."""
        while True:
            try:
                for external in ask("GET", self._externals)["items"]:
                    self.look_at(external)
            except (OSError, http.client.HTTPException, Refused) as error:
                log.warning("no look at ExternalSecrets", extra={"cause": f"{type(error).__name__}: {error}"})
            time.sleep(LOOK_EVERY_SECONDS)

    def look_at(self, external: Json) -> None:
        """Brings its Secret up to date where that is due, and says so in its status."""
        now = datetime.now(UTC)
        if not due(external, now, self._there(_target(external))):
            return
        name = external["metadata"]["name"]
        CALLS.labels(self._namespace, name).inc()
        try:
            self._write(_target(external), self._values(external))
            condition = {"status": "True", "reason": "SecretSynced", "message": "secret synced"}
        except (NotSynced, OSError, http.client.HTTPException, Refused) as error:
            ERRORS.labels(self._namespace, name).inc()
            log.error("ExternalSecret %s not synced", name, extra={"cause": str(error)})
            condition = {"status": "False", "reason": "SecretSyncedError", "message": str(error)}
        self._tell(external, condition, now)

    def _there(self, name: str) -> bool:
        try:
            ask("GET", f"{self._secrets}/{name}")
        except Refused as refused:
            if refused.status == 404:
                return False
            raise
        return True

    def _values(self, external: Json) -> dict[str, str]:
        store = ask("GET", f"{self._stores}/{external['spec']['secretStoreRef']['name']}")
        provider = store["spec"]["provider"]["gcpsm"]
        return {
            item["secretKey"]: newest(provider["endpoint"], provider["projectID"], item["remoteRef"]["key"])
            for item in external["spec"]["data"]
        }

    def _write(self, name: str, values: dict[str, str]) -> None:
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "namespace": self._namespace,
                "labels": {"external-secrets.io/managed": "true"},
            },
            "type": "Opaque",
            "data": values,
        }
        path = f"{self._secrets}/{name}?fieldManager=external-secrets&force=true"
        ask("PATCH", path, secret, "application/apply-patch+yaml")

    def _tell(self, external: Json, condition: Json, now: datetime) -> None:
        name = external["metadata"]["name"]
        for status in ("True", "False"):
            CONDITION.labels(self._namespace, name, "Ready", status).set(status == condition["status"])
        at = f"{now:%Y-%m-%dT%H:%M:%SZ}"
        told = {
            # A failed try does not count as a refresh, but it has to be told from one that never was.
            "refreshTime": at
            if condition["status"] == "True"
            else external.get("status", {}).get("refreshTime", at),
            "forced": forced(external),
            "conditions": [
                {"type": "Ready", "lastTransitionTime": _since(external, condition, at), **condition}
            ],
        }
        path = f"{self._externals}/{name}/status"
        ask("PATCH", path, {"status": told}, "application/merge-patch+json")


def _since(external: Json, condition: Json, at: str) -> str:
    for before in external.get("status", {}).get("conditions", ()):
        if before["type"] == "Ready" and before["status"] == condition["status"]:
            return str(before["lastTransitionTime"])
    return at


def _target(external: Json) -> str:
    return str(external["spec"].get("target", {}).get("name") or external["metadata"]["name"])


def newest(endpoint: str, project: str, name: str) -> str:
    """The newest version's value, in base64; NotSynced where the secret manager refuses."""
    address = urlsplit(endpoint)
    connection = http.client.HTTPConnection(
        str(address.hostname), address.port or 80, timeout=_TIMEOUT_SECONDS
    )
    try:
        path = f"/v1/projects/{project}/secrets/{name}/versions/latest:access"
        connection.request("GET", path, headers={"Authorization": f"Bearer {own_token()}"})
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise NotSynced(f"{name}: the secret manager answered {answer.status} {answer.reason}")
    value = str(json.loads(text)["payload"]["data"])
    base64.b64decode(value, validate=True)
    return value


def application(settings: Settings) -> Starlette:
    """The controller's own web application: its metrics; the work is done in a thread beside it."""
    threading.Thread(target=Synchroniser(own_namespace()).keep_looking, daemon=True).start()
    return build(settings, [])
