"""TLS as a client meets it: the certificate that is shown, and whether it may be believed."""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from rundrill.errors import NoEvidence

TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Certificate:
    """What a public certificate says of itself."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True)
class Shown:
    """What a server showed: its certificate, its protocol, and why it is not to be trusted (None where it is)."""

    certificate: Certificate
    version: str
    distrust: str | None


def shown_by(address: tuple[str, int], server_name: str, authority: str | None) -> Shown:
    """The certificate of a server under that name, checked against an authority (PEM) or the machine's own ones."""
    distrust = None
    try:
        with _handshake(address, server_name, ssl.create_default_context(cadata=authority)):
            pass
    except ssl.SSLCertVerificationError as error:
        distrust = error.verify_message or str(error)
    except (OSError, ssl.SSLError) as error:
        raise NoEvidence(f"{server_name} does not speak TLS: {error}") from None
    try:
        with _handshake(address, server_name, _blind()) as speaking:
            encoded = speaking.getpeercert(binary_form=True)
            version = speaking.version() or ""
    except (OSError, ssl.SSLError) as error:
        raise NoEvidence(f"{server_name} does not speak TLS: {error}") from None
    if encoded is None:
        raise NoEvidence(f"{server_name} shows no certificate")
    return Shown(_told(x509.load_der_x509_certificate(encoded)), version, distrust)


def read_certificate(pem: bytes) -> Certificate:
    """The first certificate of a PEM file; ValueError where it holds none."""
    return _told(x509.load_pem_x509_certificates(pem)[0])


def _blind() -> ssl.SSLContext:
    """A context that looks at any certificate: whether to believe it was asked before."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextlib.contextmanager
def _handshake(
    address: tuple[str, int], server_name: str, context: ssl.SSLContext
) -> Iterator[ssl.SSLSocket]:
    with (
        socket.create_connection(address, TIMEOUT_S) as plain,
        context.wrap_socket(plain, server_hostname=server_name) as speaking,
    ):
        yield speaking


def _told(found: x509.Certificate) -> Certificate:
    try:
        extension = found.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
        names = tuple(str(name.value) for name in extension.value)  # type: ignore[attr-defined]
    except x509.ExtensionNotFound:
        names = ()
    return Certificate(
        found.subject.rfc4514_string(),
        found.issuer.rfc4514_string(),
        names,
        found.not_valid_before_utc,
        found.not_valid_after_utc,
    )
