"""Alertmanager: the alerts it holds, the routes it has loaded, and synthetic alerts of our own."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import yaml

from rundrill.errors import NoEvidence, TargetError
from rundrill.gateway.kubernetes import Kube
from rundrill.gateway.paths import service_path
from rundrill.target import ServiceAddress

type Json = dict[str, Any]


class Alertmanager:
    """One Alertmanager, through the API server's service proxy."""

    def __init__(self, kube: Kube, address: ServiceAddress) -> None:
        self._kube = kube
        self.address = address

    def configuration(self) -> Json:
        """The configuration that is loaded, as a tree; secrets come masked."""
        said: Json = yaml.safe_load(self._get("status")["config"]["original"])
        return said

    def version(self) -> str:
        """The version that runs."""
        return str(self._get("status")["versionInfo"]["version"])

    def alerts(self, alertname: str | None = None) -> list[Json]:
        """The alerts it holds: labels, startsAt, receivers, status.state and what silences or inhibits them."""
        found: list[Json] = self._get("alerts", {"filter": f'alertname="{alertname}"'} if alertname else {})
        return found

    def push(
        self,
        labels: Mapping[str, str],
        annotations: Mapping[str, str],
        starts: datetime,
        ends: datetime | None = None,
    ) -> None:
        """Hands it one alert; an end that lies in the past resolves it."""
        alert = {"labels": dict(labels), "annotations": dict(annotations), "startsAt": starts.isoformat()}
        self._post("alerts", [{**alert, **({"endsAt": ends.isoformat()} if ends else {})}])

    def silences(self) -> list[Json]:
        """Every silence, the expired ones too."""
        found: list[Json] = self._get("silences")
        return found

    def silence(self, matchers: Mapping[str, str], starts: datetime, ends: datetime, comment: str) -> str:
        """The id of a new silence on these exact labels."""
        exact = [
            {"name": name, "value": value, "isRegex": False, "isEqual": True}
            for name, value in matchers.items()
        ]
        body = {"matchers": exact, "startsAt": starts.isoformat(), "endsAt": ends.isoformat()}
        said = self._post("silences", {**body, "createdBy": "rundrill", "comment": comment})
        return str(json.loads(said)["silenceID"])

    def unsilence(self, silence: str) -> None:
        """Ends a silence now."""
        self._kube.call("DELETE", service_path(self.address, f"api/v2/silence/{silence}"))

    def _get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        try:
            status, body = self._kube.service_get(self.address, f"api/v2/{path}", params)
        except TargetError as error:
            raise NoEvidence(f"{self.address.service} does not answer /api/v2/{path}: {error}") from None
        if status != 200:
            said = body[:200].decode(errors="replace")
            raise NoEvidence(f"{self.address.service} does not answer /api/v2/{path}: {status} {said}")
        return json.loads(body)

    def _post(self, path: str, body: object) -> bytes:
        status, said = self._kube.service_post(self.address, f"api/v2/{path}", body)
        if status != 200:
            message = said[:200].decode(errors="replace")
            raise TargetError(f"{self.address.service} refuses /api/v2/{path}: {status} {message}")
        return said
