"""Kubernetes as plain JSON: no generated models, no retries, explicit time-outs, one connection pool."""

import base64
import json
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from urllib3 import BaseHTTPResponse

from rundrill.errors import TargetError
from rundrill.gateway.apiserver import Access, ApiServer
from rundrill.gateway.kubectl import Completed, Kubectl
from rundrill.gateway.paths import BUILT_IN, object_path, pod_path, service_path
from rundrill.gateway.refusals import (
    Conflict,
    NotFound,
    Refused,
    Unreachable,
    nobody_home,
    refusal,
    status_of,
)
from rundrill.gateway.streams import Streams
from rundrill.target import ServiceAddress

type Json = dict[str, Any]
__all__ = ["Access", "Completed", "Conflict", "Json", "Kube", "NotFound", "Refused", "Unreachable"]

_BARE = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_PATCHES = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}


class Kube:
    """One API server, by one context of a kubeconfig; safe to use from several threads."""

    def __init__(self, kubeconfig: Path, context: str, kubectl: Path | None = None) -> None:
        self.kubeconfig = kubeconfig
        self.context = context
        self.kubectl = Kubectl(kubeconfig, context, kubectl)
        self._server = ApiServer(kubeconfig, context)
        self.streams = Streams(lambda: self._server.access)
        self._lock = threading.Lock()
        self._discovered: dict[str, dict[str, str]] = {}

    @property
    def access(self) -> Access:
        """Address, certificates and token of the API server, fresh each time."""
        return self._server.access

    def close(self) -> None:
        """Gives the connections back."""
        self._server.close()

    def get(self, path: str, **query: str) -> Json:
        """The JSON at a raw path of the API server."""
        return self.call("GET", path, query=query)

    def items(
        self, api: str, namespace: str | None = None, selector: str = "", metadata_only: bool = False
    ) -> list[Json]:
        """All objects of a kind (`apps/v1/Deployment`), in one namespace or in all, that a label selector picks."""
        query = {"labelSelector": selector} if selector else {}
        path = self._path(api, namespace)
        accept = _BARE if metadata_only else "application/json"
        found: list[Json] = self.call("GET", path, query=query, accept=accept).get("items") or []
        version, _, kind = api.rpartition("/")
        # A list's items come without these two; an object should say what it is.
        return [{**item, "apiVersion": version, "kind": kind} for item in found]

    def one(self, api: str, namespace: str | None, name: str) -> Json:
        """One object; NotFound where there is none."""
        return self.call("GET", self._path(api, namespace, name))

    def create(
        self, api: str, namespace: str | None, body: Json, name: str | None = None, subresource: str = ""
    ) -> Json:
        """The object as created; Conflict where the name is taken. A subresource (`eviction`) needs the name."""
        return self.call("POST", self._path(api, namespace, name, subresource), body)

    def patch(
        self,
        api: str,
        namespace: str | None,
        name: str,
        body: Json | list[Json],
        kind: str = "merge",
        subresource: str = "",
    ) -> Json:
        """The object as patched; kind is merge, strategic, json or apply (server-side, forced, as `rundrill`)."""
        query = {"fieldManager": "rundrill", "force": "true"} if kind == "apply" else {}
        return self.call("PATCH", self._path(api, namespace, name, subresource), body, query, _PATCHES[kind])

    def replace(self, api: str, namespace: str | None, name: str, body: Json) -> Json:
        """The object as put; Conflict where its resourceVersion is not the newest."""
        return self.call("PUT", self._path(api, namespace, name), body)

    def delete(self, api: str, namespace: str | None, name: str, grace: int | None = None) -> Json:
        """What the API server says of the deletion; NotFound where there was nothing. `grace` is in seconds."""
        body: Json = {"propagationPolicy": "Background"}
        if grace is not None:
            body["gracePeriodSeconds"] = grace
        return self.call("DELETE", self._path(api, namespace, name), body)

    def secret(self, namespace: str, name: str, key: str) -> str:
        """One value of a Secret, decoded."""
        values = self.one("v1/Secret", namespace, name).get("data") or {}
        if key not in values:
            raise TargetError(f"Secret {namespace}/{name} has no key {key!r}, only {sorted(values)}")
        return base64.b64decode(values[key]).decode()

    def logs(
        self,
        namespace: str,
        pod: str,
        container: str | None = None,
        tail: int | None = None,
        since_s: float | None = None,
        previous: bool = False,
    ) -> str:
        """The newest lines that a container wrote, all of them where no tail is given; or those of the one before its last restart."""
        query = {
            "container": container,
            "tailLines": None if tail is None else str(tail),
            "sinceSeconds": None if since_s is None else f"{max(1, since_s):.0f}",
            "previous": "true" if previous else None,
        }
        path = self._path("v1/Pod", namespace, pod, "log")
        answer = self._server.send("GET", path, query={name: said for name, said in query.items() if said})
        self._refuse("GET", path, answer)
        return answer.data.decode(errors="replace")

    def exec(
        self,
        namespace: str,
        pod: str,
        container: str | None,
        argv: list[str],
        stdin: bytes | None = None,
        timeout: float = 30,
    ) -> Completed:
        """A command run to its end in a container: exit code and output; TargetError where it could not be started."""
        if stdin is None:
            return self.streams.run(namespace, pod, container, argv, timeout)
        # Only kubectl tells a command that its input has ended.
        return self.kubectl.exec(namespace, pod, container, argv, stdin, timeout)

    def forward(self, namespace: str, target: str, port: int) -> AbstractContextManager[tuple[str, int]]:
        """A loopback address that leads to a port of `svc/name` or `pod/name` while the context lasts."""
        return self.kubectl.forward(namespace, target, port)

    def service_get(
        self, address: ServiceAddress, path: str, params: Mapping[str, str] | None = None, timeout: float = 5
    ) -> tuple[int, bytes]:
        """Status and body of a GET through the API server's service proxy; 503 where no pod is behind the service."""
        return self._proxied("GET", service_path(address, path), params, None, timeout)

    def service_post(
        self,
        address: ServiceAddress,
        path: str,
        body: object,
        params: Mapping[str, str] | None = None,
        timeout: float = 5,
    ) -> tuple[int, bytes]:
        """Status and body of a POST of JSON through the API server's service proxy."""
        return self._proxied("POST", service_path(address, path), params, body, timeout)

    def own_get(self, path: str, timeout: float = 5) -> tuple[int, bytes]:
        """Status and body of a GET of the API server itself, such as /readyz."""
        answer = self._server.send("GET", path, read_s=timeout)
        return answer.status, answer.data

    def pod_get(
        self, namespace: str, pod: str, port: int | str, path: str, timeout: float = 5
    ) -> tuple[int, bytes]:
        """Status and body of a GET to one pod through the API server's pod proxy."""
        return self._proxied("GET", pod_path(namespace, pod, port, path), None, None, timeout)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        query: Mapping[str, str] | None = None,
        content: str = "application/json",
        accept: str = "application/json",
    ) -> Json:
        """Any request of JSON to the API server; TargetError with method, path, status and message where it is refused."""
        answer = self._server.send(method, path, body, query, content, accept)
        self._refuse(method, path, answer)
        found: Json = json.loads(answer.data or b"{}")
        return found

    def _path(self, api: str, namespace: str | None, name: str | None = None, subresource: str = "") -> str:
        version, _, kind = api.rpartition("/")
        return object_path(api, namespace, name, subresource, self._resources(version).get(kind))

    def _resources(self, version: str) -> dict[str, str]:
        """Kind -> resource of a group that is not built in, as the API server tells it; empty for built-in ones."""
        if version in BUILT_IN:
            return {}
        with self._lock:
            known = self._discovered.get(version)
        if known is None:
            said = self.call("GET", f"/apis/{version}")["resources"]
            known = {one["kind"]: one["name"] for one in said if "/" not in one["name"]}
            with self._lock:
                self._discovered[version] = known
        return known

    def _proxied(
        self, method: str, path: str, params: Mapping[str, str] | None, body: object, timeout: float
    ) -> tuple[int, bytes]:
        answer = self._server.send(method, path, body, params, read_s=timeout)
        said = status_of(answer.status, answer.data)
        # 503 from the proxy itself means that nothing answers behind the service: what a client there would meet.
        if said and not nobody_home(said):
            self._refuse(method, path, answer)
        return answer.status, answer.data

    def _refuse(self, method: str, path: str, answer: BaseHTTPResponse) -> None:
        if answer.status >= 400:
            raise refusal(f"{method} {path}", answer.status, answer.data)
