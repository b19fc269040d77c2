"""One GET of a service, or of every pod behind it."""

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from rundrill.asking import StateAnswer, answered
from rundrill.errors import NoEvidence
from rundrill.evidence import Raw, Reading, StateSeen, Value
from rundrill.gateway.endpoints import Endpoint, staying_endpoints
from rundrill.gateway.http import HttpError, get_by_name
from rundrill.gateway.kubernetes import NotFound
from rundrill.probe import HttpProbe
from rundrill.session import Session
from rundrill.target import ServiceAddress

TIMEOUT_S = 5.0
MOST_FACTS = 2000
MOST_BODY = 65536


def see_http(probe: HttpProbe, session: Session, slug: str) -> StateAnswer:
    """Status, body, parsed JSON and time to answer; a service with no pod to ask is a reading with found=false."""
    address = _address(probe, session, slug)
    if probe.host:
        answers = [_by_name(session, address, probe.host, probe.path)]
    elif probe.every_pod:
        answers = _every_pod(session, address, probe.path)
    else:
        answers = [_by_service(session, address, probe.path)]
    return StateSeen(tuple(reading for reading, _ in answers)), tuple(raw for _, raw in answers)


def _address(probe: HttpProbe, session: Session, slug: str) -> ServiceAddress:
    scheme: Literal["http", "https"] = "https" if probe.service.startswith("https:") else "http"
    namespace, _, rest = probe.service.removeprefix("https:").partition("/")
    return ServiceAddress(service=f"{session.namespace(slug, namespace)}/{rest}", scheme=scheme)


def _by_service(session: Session, address: ServiceAddress, path: str) -> tuple[Reading, Raw]:
    asked = f"GET {address.scheme}://{address.service}{path}"
    started = time.perf_counter()
    try:
        status, body = session.kube.service_get(address, path, timeout=TIMEOUT_S)
    except NotFound as error:
        return Reading(address.service, {"found": False}), answered("http", asked, {"error": str(error)})
    return _answer(address.service, asked, status, body, time.perf_counter() - started)


def _every_pod(session: Session, address: ServiceAddress, path: str) -> list[tuple[Reading, Raw]]:
    endpoints = staying_endpoints(session.kube, address.service)
    if not endpoints:
        raw = answered("kubernetes", f"endpoints of {address.service}", [])
        return [(Reading(f"a pod of {address.service}", {"found": False}), raw)]
    return [_by_pod(session, endpoint, path) for endpoint in endpoints]


def _by_pod(session: Session, endpoint: Endpoint, path: str) -> tuple[Reading, Raw]:
    asked = f"GET http://{endpoint.namespace}/{endpoint.pod}:{endpoint.port}{path}"
    started = time.perf_counter()
    status, body = session.kube.pod_get(
        endpoint.namespace, endpoint.pod, endpoint.port, path, timeout=TIMEOUT_S
    )
    return _answer(endpoint.pod, asked, status, body, time.perf_counter() - started)


def _by_name(session: Session, address: ServiceAddress, host: str, path: str) -> tuple[Reading, Raw]:
    """Through the front door: with its host name, and its certificate checked."""
    reached = session.reach(address.service)
    ca = session.cached(
        ("ingress-ca", address.service), lambda: _ca(session, address.service.partition("/")[0])
    )
    asked = f"GET {address.scheme}://{host}{path}"
    try:
        answer = get_by_name(address.scheme, reached, host, path, ca, TIMEOUT_S)
    except HttpError as error:
        raise NoEvidence(f"{asked} at {address.service}: {error}") from None
    return _answer(host, asked, answer.status, answer.body, answer.took_s)


def _ca(session: Session, namespace: str) -> str | None:
    """A file with the authority that signed the front door's certificate; None where only the machine's own are known."""
    try:
        said = session.kube.one("v1/ConfigMap", namespace, "ingress-ca").get("data") or {}
    except NotFound:
        return None
    written = Path(tempfile.mkdtemp(prefix="rundrill-")) / "ca.crt"
    written.write_text(said["ca.crt"])
    return str(written)


def _answer(subject: str, asked: str, status: int, body: bytes, took_s: float) -> tuple[Reading, Raw]:
    text = body[:MOST_BODY].decode(errors="replace")
    facts: dict[str, Value] = {"status": status, "body": text, "took": round(took_s, 4)}
    try:
        flat = list(_flat(json.loads(body), "json"))[:MOST_FACTS]
    except ValueError:
        flat = []
    return Reading(subject, facts | dict(flat)), answered("http", asked, {"status": status, "body": text})


def _flat(found: Any, path: str) -> Iterator[tuple[str, Value]]:
    """Every scalar of a JSON answer by its dotted path."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield from _flat(value, f"{path}.{key}")
    elif isinstance(found, list):
        for number, value in enumerate(found):
            yield from _flat(value, f"{path}.{number}")
    else:
        yield path, found
