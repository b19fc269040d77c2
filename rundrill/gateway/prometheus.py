"""Prometheus: instant queries at an explicit time, and what it has loaded. No answer is NoEvidence, never an empty one."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests
from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException

from rundrill.errors import NoEvidence
from rundrill.gateway.http import proxied_session
from rundrill.gateway.kubernetes import Kube
from rundrill.gateway.paths import service_path
from rundrill.target import ServiceAddress

type Json = dict[str, Any]

TIMEOUT_S = 10


@dataclass(frozen=True)
class Sample:
    """One series of an instant answer; labels are empty for a scalar."""

    labels: Mapping[str, str]
    value: float
    at: datetime


@dataclass(frozen=True)
class Samples:
    """A whole instant answer, with the server's warnings."""

    series: tuple[Sample, ...]
    warnings: tuple[str, ...]
    body: Json
    """The answer as it came."""


class Prometheus:
    """One Prometheus, through the API server's service proxy."""

    def __init__(self, kube: Kube, address: ServiceAddress) -> None:
        self._url = (kube.access.url + service_path(address)).rstrip("/")
        self._session = proxied_session(lambda: kube.access)
        self._session.hooks["response"].append(self._keep)
        self._last = threading.local()
        self._transport = PrometheusConnect(self._url, session=self._session, retry=0, timeout=TIMEOUT_S)
        self.address = address

    def close(self) -> None:
        """Gives the connections back."""
        self._session.close()

    def query(self, promql: str, at: datetime) -> Samples:
        """The instant answer at that time, which may well be empty; NoEvidence where there is no answer."""
        try:
            self._transport.custom_query(promql, params={"time": repr(at.timestamp())})
        except PrometheusApiClientException:
            raise NoEvidence(f"{self.address.service} does not answer: {_said(self._last.answer)}") from None
        except (requests.RequestException, ValueError, KeyError) as error:
            raise NoEvidence(f"{self.address.service} does not answer: {_words(error)}") from None
        # The transport's own answer has lost the type of the result and the warnings.
        return _samples(self._last.answer.json())

    def query_range(self, promql: str, start: datetime, end: datetime, step_s: float) -> Json:
        """The raw answer over a span, sub-second bounds kept."""
        span = {"start": repr(start.timestamp()), "end": repr(end.timestamp()), "step": repr(step_s)}
        return self.api("query_range", query=promql, **span)

    def rules(self) -> list[Json]:
        """Every group of rules that is loaded, with each rule's health and state."""
        groups: list[Json] = self.api("rules")["data"]["groups"]
        return groups

    def alerts(self) -> list[Json]:
        """Every alert that is pending or firing."""
        alerts: list[Json] = self.api("alerts")["data"]["alerts"]
        return alerts

    def targets(self) -> list[Json]:
        """Every target that is scraped, with its health."""
        targets: list[Json] = self.api("targets", state="active")["data"]["activeTargets"]
        return targets

    def build(self) -> str:
        """The version that runs."""
        return str(self.api("status/buildinfo")["data"]["version"])

    def ready(self) -> bool:
        """Whether it says that it is ready to answer."""
        try:
            return self._session.get(f"{self._url}/-/ready", timeout=TIMEOUT_S).status_code == 200
        except requests.RequestException:
            return False

    def api(self, path: str, **params: str) -> Json:
        """Any answer of its API, warnings and all."""
        try:
            answer = self._session.get(f"{self._url}/api/v1/{path}", params=params, timeout=TIMEOUT_S)
        except requests.RequestException as error:
            raise NoEvidence(f"{self.address.service} does not answer: {_words(error)}") from None
        if answer.status_code != 200:
            raise NoEvidence(f"{self.address.service} does not answer: {_said(answer)}")
        body: Json = answer.json()
        return body

    def _keep(self, answer: requests.Response, *_: object, **__: object) -> None:
        self._last.answer = answer


def _words(error: Exception) -> str:
    """The innermost cause on one line; the transport wraps it three times."""
    inner: object = error
    while isinstance(inner, Exception) and (
        cause := getattr(inner, "reason", None) or next(iter(inner.args), None)
    ):
        if not isinstance(cause, Exception):
            break
        inner = cause
    return " ".join(str(inner).split())[:200]


def _said(answer: requests.Response) -> str:
    """The server's own words of a refusal, or those of the proxy before it."""
    try:
        body = answer.json()
    except ValueError:
        return f"{answer.status_code} {answer.text[:200]}"
    return f"{answer.status_code} {body.get('error') or body.get('message')}"


def _samples(body: Json) -> Samples:
    # Remarks on the query begin like this; any other warning says that a store did not give all it has.
    partial = [said for said in body.get("warnings", ()) if not said.startswith("PromQL")]
    if partial:
        raise NoEvidence(f"Prometheus answers in part: {partial[0]}")
    kind, found = body["data"]["resultType"], body["data"]["result"]
    pairs = [({}, found)] if kind == "scalar" else [(one["metric"], one["value"]) for one in found]
    series = tuple(
        Sample(labels, float(value), datetime.fromtimestamp(float(at), UTC)) for labels, (at, value) in pairs
    )
    return Samples(series, (*body.get("warnings", ()), *body.get("infos", ())), body)
