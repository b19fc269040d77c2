"""Certificates: those that servers show, and those that lie in Secrets."""

import base64
from datetime import UTC, datetime

from rundrill.asking import StateAnswer, answered
from rundrill.errors import NoEvidence
from rundrill.evidence import Reading, StateSeen, Value
from rundrill.gateway.kubernetes import NotFound
from rundrill.gateway.tls import Certificate, read_certificate, shown_by
from rundrill.listing import must_exist
from rundrill.probe import CertificateProbe, TlsProbe
from rundrill.session import Session


def see_tls(probe: TlsProbe, session: Session, slug: str) -> StateAnswer:
    """What a client meets under that name: dates, names, protocol, and whether chain and name are to be trusted."""
    said, _, rest = probe.service.removeprefix("https:").partition("/")
    service = f"{session.namespace(slug, said)}/{rest}"
    shown = shown_by(session.reach(service), probe.server_name, _authority(probe, session, slug))
    facts = _dates(shown.certificate)
    facts |= {"version": shown.version, "trusted": shown.distrust is None, "distrust": shown.distrust or ""}
    asked = f"TLS of {probe.server_name} at {service}"
    return StateSeen((Reading(probe.server_name, facts),)), (answered("tls", asked, facts),)


def _authority(probe: TlsProbe, session: Session, slug: str) -> str | None:
    if probe.authority is None:
        return None
    said, name, key = probe.authority.split("/")
    namespace = session.namespace(slug, said)
    try:
        found = session.kube.one("v1/ConfigMap", namespace, name).get("data") or {}
    except NotFound:
        raise NoEvidence(f"there is no ConfigMap {namespace}/{name} with the authority") from None
    if key not in found:
        raise NoEvidence(f"ConfigMap {namespace}/{name} has no key {key!r}")
    return str(found[key])


def see_certificate(probe: CertificateProbe, session: Session, slug: str) -> StateAnswer:
    """The public certificate of a Secret; its private key is never looked at."""
    said, _, name = probe.secret.partition("/")
    namespace = session.namespace(slug, said)
    subject, asked = f"{namespace}/{name}", f"{probe.key} of Secret {namespace}/{name}"
    try:
        found = session.kube.one("v1/Secret", namespace, name).get("data") or {}
    except NotFound:
        must_exist(session, namespace)
        return StateSeen((Reading(subject, {"found": False}),)), (answered("kubernetes", asked, None),)
    if probe.key not in found:
        raise NoEvidence(f"Secret {subject} has no key {probe.key!r}")
    try:
        facts = {"found": True, **_dates(read_certificate(base64.b64decode(found[probe.key])))}
    except ValueError as error:
        raise NoEvidence(f"{asked} holds no certificate: {error}") from None
    return StateSeen((Reading(subject, facts),)), (answered("kubernetes", asked, facts),)


def _dates(found: Certificate) -> dict[str, Value]:
    now = datetime.now(UTC)
    return {
        "valid_for": (found.not_after - now).total_seconds(),
        "age": (now - found.not_before).total_seconds(),
        "subject": found.subject,
        "issuer": found.issuer,
        "names": ", ".join(found.names),
    }
