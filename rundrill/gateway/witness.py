"""The witness: what arrived at each channel, and when by its own clock."""

import json
from datetime import datetime
from typing import Any

from rundrill.errors import NoEvidence, TargetError
from rundrill.gateway.kubernetes import Kube
from rundrill.target import ServiceAddress

type Json = dict[str, Any]


class Witness:
    """The receiver of every notification of one platform."""

    def __init__(self, kube: Kube, address: ServiceAddress) -> None:
        self._kube = kube
        self._address = address

    def notifications(
        self, channel: str | None = None, alertname: str | None = None, since: datetime | None = None
    ) -> list[Json]:
        """What arrived, oldest first: channel, arrived_at, status, alerts and the body as it came."""
        asked = {"channel": channel, "alertname": alertname, "since": since.isoformat() if since else None}
        found: list[Json] = self._get("notifications", {name: said for name, said in asked.items() if said})
        return found

    def clock(self) -> datetime:
        """What time it is for the witness."""
        return datetime.fromisoformat(self._get("clock", {})["now"])

    def _get(self, path: str, params: dict[str, str]) -> Any:
        try:
            status, body = self._kube.service_get(self._address, path, params)
        except TargetError as error:
            raise NoEvidence(f"the witness does not answer: {error}") from None
        if status != 200:
            raise NoEvidence(f"the witness does not answer: {status} {body[:200].decode(errors='replace')}")
        return json.loads(body)
