"""One request to a service, or to every pod behind it."""

import base64
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from rundrill.asking import HIDDEN, StateAnswer, answered, sounds_secret
from rundrill.errors import NoEvidence
from rundrill.evidence import Raw, Reading, StateSeen, Value
from rundrill.gateway.endpoints import Endpoint, staying_endpoints
from rundrill.gateway.http import Answer, HttpError, Request, send, send_by_name
from rundrill.gateway.kubernetes import NotFound
from rundrill.probe import HttpProbe
from rundrill.session import Session
from rundrill.target import SecretRef, ServiceAddress

TIMEOUT_S = 5.0
MOST_FACTS = 2000
MOST_BODY = 65536
_API_SERVER = "default/kubernetes:"

type Asked = tuple[Reading, Raw]


def see_http(probe: HttpProbe, session: Session, slug: str) -> StateAnswer:
    """Status, body, parsed JSON and time to answer; a service with no pod to ask is a reading with found=false."""
    address = _address(probe, session, slug)
    request = _request(probe, session, slug)
    if probe.host:
        answers = [_by_name(session, address, probe.host, request)]
    elif probe.every_pod:
        answers = _every_pod(session, address, request)
    else:
        answers = [_by_service(session, address, request)]
    return StateSeen(tuple(reading for reading, _ in answers)), tuple(raw for _, raw in answers)


def _address(probe: HttpProbe, session: Session, slug: str) -> ServiceAddress:
    scheme: Literal["http", "https"] = "https" if probe.service.startswith("https:") else "http"
    namespace, _, rest = probe.service.removeprefix("https:").partition("/")
    return ServiceAddress(service=f"{session.namespace(slug, namespace)}/{rest}", scheme=scheme)


def _request(probe: HttpProbe, session: Session, slug: str) -> Request:
    headers = dict(probe.headers)
    content = probe.body.encode() if isinstance(probe.body, str) else None
    if isinstance(probe.body, dict):
        content = json.dumps(probe.body).encode()
        headers.setdefault("Content-Type", "application/json")
    authorization = None
    if probe.bearer:
        authorization = f"Bearer {_secret(session, slug, probe.bearer)}"
    elif probe.basic:
        password = probe.basic.literal or _secret(session, slug, probe.basic.password)
        authorization = f"Basic {base64.b64encode(f'{probe.basic.user}:{password}'.encode()).decode()}"
    return Request(probe.path, probe.method, headers, content, authorization)


def _secret(session: Session, slug: str, where: SecretRef | None) -> str:
    assert where is not None
    if where.secret is None:
        return session.password(where)
    namespace, _, rest = where.secret.partition("/")
    return session.password(SecretRef(secret=f"{session.namespace(slug, namespace)}/{rest}"))


def _bare(request: Request) -> bool:
    """Whether the API server's proxy can pass it on: that one keeps what authorizes for itself."""
    return request == Request(request.path)


def _by_service(session: Session, address: ServiceAddress, request: Request) -> Asked:
    asked = f"{request.method} {address.scheme}://{address.service}{request.path}"
    try:
        if not _bare(request):
            session.kube.one("v1/Service", *address.service.partition(":")[0].split("/"))
            way = session.reach(address.service)
            return _direct(way, address.scheme, request, address.service, asked)
        started = time.perf_counter()
        if address.service.startswith(_API_SERVER):
            # Its own proxy does not lead to itself.
            status, body = session.kube.own_get(request.path, timeout=TIMEOUT_S)
        else:
            status, body = session.kube.service_get(address, request.path, timeout=TIMEOUT_S)
    except NotFound as error:
        return Reading(address.service, {"found": False}), answered("http", asked, {"error": str(error)})
    return _answer(address.service, asked, status, body, time.perf_counter() - started)


def _every_pod(session: Session, address: ServiceAddress, request: Request) -> list[Asked]:
    endpoints = session.cached(
        ("list", "endpoints", address.service), lambda: staying_endpoints(session.kube, address.service)
    )
    if not endpoints:
        raw = answered("kubernetes", f"endpoints of {address.service}", [])
        return [(Reading(f"a pod of {address.service}", {"found": False}), raw)]
    return [_by_pod(session, endpoint, address.scheme, request) for endpoint in endpoints]


def _by_pod(session: Session, endpoint: Endpoint, scheme: str, request: Request) -> Asked:
    asked = f"{request.method} {scheme}://{endpoint.namespace}/{endpoint.pod}:{endpoint.port}{request.path}"
    if not _bare(request) or scheme != "http":
        way = session.ways.pod(endpoint.namespace, endpoint.pod, endpoint.port)
        return _direct(way, scheme, request, endpoint.pod, asked)
    started = time.perf_counter()
    status, body = session.kube.pod_get(
        endpoint.namespace, endpoint.pod, endpoint.port, request.path, timeout=TIMEOUT_S
    )
    return _answer(endpoint.pod, asked, status, body, time.perf_counter() - started)


def _direct(way: tuple[str, int], scheme: str, request: Request, subject: str, asked: str) -> Asked:
    """By a way of our own; where credentials were given, what the same request meets without them is a fact too."""
    answer = _sent(way, scheme, request, asked)
    reading, raw = _answer(subject, asked, answer.status, answer.body, answer.took_s)
    if request.authorization is None:
        return reading, raw
    without = _sent(way, scheme, replace(request, authorization=None), asked)
    return replace(reading, facts={**reading.facts, "status_without": without.status}), raw


def _sent(way: tuple[str, int], scheme: str, request: Request, asked: str) -> Answer:
    try:
        return send(way, scheme, request, TIMEOUT_S)
    except HttpError as error:
        raise NoEvidence(f"{asked}: {error}") from None


def _by_name(session: Session, address: ServiceAddress, host: str, request: Request) -> Asked:
    """Through the front door: with its host name, and its certificate checked."""
    reached = session.reach(address.service)
    ca = session.cached(
        ("ingress-ca", address.service), lambda: _ca(session, address.service.partition("/")[0])
    )
    asked = f"{request.method} {address.scheme}://{host}{request.path}"
    try:
        answer = send_by_name(address.scheme, reached, host, request, ca, TIMEOUT_S)
        reading, raw = _answer(host, asked, answer.status, answer.body, answer.took_s)
        if request.authorization is None:
            return reading, raw
        bare = replace(request, authorization=None)
        without = send_by_name(address.scheme, reached, host, bare, ca, TIMEOUT_S)
    except HttpError as error:
        raise NoEvidence(f"{asked} at {address.service}: {error}") from None
    return replace(reading, facts={**reading.facts, "status_without": without.status}), raw


def _ca(session: Session, namespace: str) -> str | None:
    """A file with the authority that signed the front door's certificate; None where only the machine's own are known."""
    try:
        said = session.kube.one("v1/ConfigMap", namespace, "ingress-ca").get("data") or {}
    except NotFound:
        return None
    written = Path(tempfile.mkdtemp(prefix="rundrill-")) / "ca.crt"
    written.write_text(said["ca.crt"])
    return str(written)


def _answer(subject: str, asked: str, status: int, body: bytes, took_s: float) -> Asked:
    text = body[:MOST_BODY].decode(errors="replace")
    try:
        parsed = _discreet(json.loads(body))
    except ValueError:
        flat = []
    else:
        flat = list(_flat(parsed, "json"))[:MOST_FACTS]
        text = json.dumps(parsed)[:MOST_BODY] if HIDDEN in str(parsed) else text
    facts: dict[str, Value] = {"status": status, "body": text, "took": round(took_s, 4)}
    return Reading(subject, facts | dict(flat)), answered("http", asked, {"status": status, "body": text})


def _discreet(found: Any) -> Any:
    """The answer without texts that are called like credentials, such as a token that was given out."""
    if isinstance(found, dict):
        return {
            key: HIDDEN if isinstance(value, str) and value and sounds_secret(key) else _discreet(value)
            for key, value in found.items()
        }
    return [_discreet(one) for one in found] if isinstance(found, list) else found


def _flat(found: Any, path: str) -> Iterator[tuple[str, Value]]:
    """Every scalar of a JSON answer by its dotted path, and the length of every list under `#`."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield from _flat(value, f"{path}.{key}")
    elif isinstance(found, list):
        yield f"{path}.#", len(found)
        for number, value in enumerate(found):
            yield from _flat(value, f"{path}.{number}")
    else:
        yield path, found
