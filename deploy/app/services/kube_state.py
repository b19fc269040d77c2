"""kube-state: the state of nodes, workloads, quotas and jobs as metrics, read from the API server when it is asked for."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import ssl
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from services.kube_families import SOURCES, Item, Sample, exposition, requested
from services.recent import Recent
from services.settings import Settings
from services.web import build, route

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TIMEOUT_SECONDS = 5.0
_FRESH_SECONDS = 3.0
"""Several servers scrape this one, each every five seconds: most of them get what another just asked for."""


@cache
def _connection() -> http.client.HTTPSConnection:
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
    context = ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt"))
    return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_SECONDS, context=context)


def listed(path: str) -> list[Item]:
    """The objects under this API path; OSError or HTTPException where the API server does not answer."""
    connection = _connection()
    try:
        token = (_ACCOUNT / "token").read_text()
        # resourceVersion=0 is answered from the API server's memory.
        connection.request("GET", f"{path}?resourceVersion=0", headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException):
        # The next request opens it anew.
        connection.close()
        raise
    if response.status != 200:
        raise http.client.HTTPException(f"{path}: {response.status}")
    items: list[Item] = json.loads(body)["items"] or []
    return items


def samples() -> Iterator[Sample]:
    """Everything the API server says at one moment; an exception where it does not answer, so that the scrape fails."""
    for path, samples_of in SOURCES.items():
        items = listed(path)
        for item in items:
            yield from samples_of(item)
        if path.endswith("/pods"):
            yield from requested(items)


def application(settings: Settings) -> Starlette:
    """The exporter's web application: /metrics is the cluster's state, and its own processor and memory."""
    state = Recent(lambda: exposition(samples()), _FRESH_SECONDS)

    async def metrics(_: Request) -> Response:
        text = await asyncio.to_thread(state.answer)
        return Response(text.encode() + generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return build(settings, [route("/metrics", metrics, counted=False)])
