"""The API server as asked from the machine: only what `up` and `status` need, and fast."""

import http.client
import json
import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

from rundrill.cluster import addresses as at
from rundrill.cluster.places import Places

LEASE_LASTS = timedelta(seconds=20)


class Unanswered(Exception):
    """The API server did not answer, or not with what was asked for."""


class Api:
    """One connection to the API server, as its administrator."""

    def __init__(self, places: Places) -> None:
        try:
            context = ssl.create_default_context(cafile=str(places.pki / "ca.crt"))
            context.load_cert_chain(str(places.pki / "admin.pem"))
        except OSError as problem:
            raise Unanswered("the cluster has no certificates yet") from problem
        # Python 3.13 wants an authority key id in every certificate, which kubeadm's root does not carry.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        self._connection = http.client.HTTPSConnection(
            at.API_FROM_HOST, at.API_PORT, context=context, timeout=3
        )

    def get(self, path: str) -> bytes:
        """The body of the answer; Unanswered on anything but 200."""
        try:
            self._connection.request("GET", path)
            answer = self._connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as problem:
            self._connection.close()
            raise Unanswered(f"{path}: {problem}") from problem
        if answer.status != 200:
            raise Unanswered(f"{path}: {answer.status} {body[:200].decode(errors='replace')}")
        return body

    def items(self, path: str) -> list[dict[str, Any]]:
        """The objects of a list."""
        found: list[dict[str, Any]] = json.loads(self.get(path))["items"]
        return found

    def ready(self) -> bool:
        """Whether the API server calls itself ready."""
        try:
            return self.get("/readyz") == b"ok"
        except Unanswered:
            return False

    def ready_nodes(self) -> set[str]:
        """The nodes that are Ready and were heard of within the last lease; Ready alone may be old news."""
        renewed = {lease["metadata"]["name"]: lease["spec"].get("renewTime") for lease in self.items(
            "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases")}  # fmt: skip
        now = datetime.now(UTC)
        return {
            node["metadata"]["name"]
            for node in self.items("/api/v1/nodes")
            if _condition(node, "Ready")
            and (at_ := renewed.get(node["metadata"]["name"]))
            and now - datetime.fromisoformat(at_) < LEASE_LASTS
        }

    def ready_pods(self, born: dict[str, datetime]) -> dict[str, int]:
        """How many pods of each of kube-system's apps are ready, counting those only that run in this life of their node."""
        found: dict[str, int] = {}
        for pod in self.items("/api/v1/namespaces/kube-system/pods"):
            app = pod["metadata"].get("labels", {}).get("k8s-app", "")
            since = born.get(pod["spec"].get("nodeName", ""))
            statuses = pod["status"].get("containerStatuses", [])
            starts = [
                s["state"]["running"]["startedAt"] for s in statuses if s["ready"] and "running" in s["state"]
            ]
            alive = statuses and len(starts) == len(statuses) and "deletionTimestamp" not in pod["metadata"]
            if (
                since
                and alive
                and all(datetime.fromisoformat(start) >= since.replace(microsecond=0) for start in starts)
            ):
                found[app] = found.get(app, 0) + 1
        return found

    def metrics_available(self) -> bool:
        """Whether the metrics API is there and answers for every node."""
        try:
            service = json.loads(
                self.get("/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io")
            )
            return (
                _condition(service, "Available")
                and len(self.items("/apis/metrics.k8s.io/v1beta1/nodes")) >= 2
            )
        except Unanswered:
            return False


def _condition(thing: dict[str, Any], kind: str) -> bool:
    conditions = thing.get("status", {}).get("conditions", [])
    return any(c["type"] == kind and c["status"] == "True" for c in conditions)
