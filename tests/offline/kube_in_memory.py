"""Objects of one namespace as an API server keeps them: versions, merge patches, conflicts; nothing else."""

import copy
import threading
from typing import Any

from rundrill.gateway.kubernetes import Conflict, NotFound

type Json = dict[str, Any]


class KubeInMemory:
    """As much of rundrill.gateway.kubernetes.Kube as Leases and the ledger need."""

    def __init__(self) -> None:
        self._objects: dict[tuple[str, str], Json] = {}
        self._version = 0
        self._lock = threading.Lock()

    def one(self, api: str, namespace: str | None, name: str) -> Json:
        with self._lock:
            return copy.deepcopy(self._there(api, name))

    def items(self, api: str, namespace: str | None = None, selector: str = "") -> list[Json]:
        wanted = dict(pair.split("=") for pair in selector.split(",") if pair)
        with self._lock:
            return [
                copy.deepcopy(one)
                for (kind, _), one in self._objects.items()
                if kind == api and wanted.items() <= (one["metadata"].get("labels") or {}).items()
            ]

    def create(self, api: str, namespace: str | None, body: Json) -> Json:
        with self._lock:
            key = (api, str(body["metadata"]["name"]))
            if key in self._objects:
                raise Conflict(f"{key} exists", 409)
            self._objects[key] = self._fresh(copy.deepcopy(body))
            return self._objects[key]

    def patch(self, api: str, namespace: str | None, name: str, body: Json) -> Json:
        with self._lock:
            there = self._there(api, name)
            version = (body.get("metadata") or {}).get("resourceVersion")
            if version not in (None, there["metadata"]["resourceVersion"]):
                raise Conflict(f"{name} was changed", 409)
            self._objects[api, name] = self._fresh(_merged(there, body))
            return self._objects[api, name]

    def delete(self, api: str, namespace: str | None, name: str) -> None:
        with self._lock:
            self._there(api, name)
            del self._objects[api, name]

    def _there(self, api: str, name: str) -> Json:
        if (api, name) not in self._objects:
            raise NotFound(f"{name} is not there", 404)
        return self._objects[api, name]

    def _fresh(self, body: Json) -> Json:
        self._version += 1
        body["metadata"]["resourceVersion"] = str(self._version)
        return body


def _merged(there: Json, patch: Json) -> Json:
    whole = dict(there)
    for key, value in patch.items():
        if value is None:
            whole.pop(key, None)
        elif isinstance(value, dict):
            whole[key] = _merged(whole.get(key) or {}, value)
        else:
            whole[key] = value
    return whole
