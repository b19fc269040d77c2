"""kube-state: the cluster as metrics, read once for every Prometheus that asks: objects, containers, volumes, API server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.kube_api import api_page, kubelet_pages, listed
from services.kube_families import SOURCES, Sample, exposition, requested
from services.kube_pages import API_SERVER, CONTAINERS, VOLUMES, Lines, chosen
from services.recent import Recent
from services.settings import Settings
from services.web import Endpoint, build, route

# The connections are shared, and carry one request at a time.
_ONE_AT_A_TIME = threading.Lock()


def samples() -> Iterator[Sample]:
    """Everything the API server says at one moment; an exception where it does not answer, so that the scrape fails."""
    for path, samples_of in SOURCES.items():
        items = listed(path)
        for item in items:
            yield from samples_of(item)
        if path.endswith("/pods"):
            yield from requested(items)


def _state() -> str:
    return exposition(samples())


def _containers() -> Lines:
    return chosen(kubelet_pages("/metrics/cadvisor"), CONTAINERS)


def _volumes() -> Lines:
    return chosen(kubelet_pages("/metrics"), VOLUMES)


def _api_server() -> Lines:
    return chosen({"": api_page("/metrics")}, API_SERVER)


def _shared[Answer](make: Callable[[], Answer], fresh_for_s: float) -> Recent[Answer]:
    def alone() -> Answer:
        with _ONE_AT_A_TIME:
            return make()

    return Recent(alone, fresh_for_s)


def _page_of(lines: Recent[Lines]) -> Endpoint:
    """Answers with what is about the namespaces that the query names: ?namespace=a&namespace=b."""

    async def page(request: Request) -> Response:
        found = await asyncio.to_thread(lines.answer)
        text = found.about(request.query_params.getlist("namespace"))
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return page


def application(settings: Settings) -> Starlette:
    """The exporter's web application: /metrics is the state of all objects, the others are what their owners export."""
    state = _shared(_state, fresh_for_s=3)

    async def metrics(_: Request) -> Response:
        text = await asyncio.to_thread(state.answer)
        return Response(text.encode() + generate_latest(), media_type=CONTENT_TYPE_LATEST)

    routes: list[Route] = [
        route("/metrics", metrics, counted=False),
        route("/containers", _page_of(_shared(_containers, fresh_for_s=8)), counted=False),
        route("/volumes", _page_of(_shared(_volumes, fresh_for_s=25)), counted=False),
        route("/api-server", _page_of(_shared(_api_server, fresh_for_s=50)), counted=False),
    ]
    return build(settings, routes)
