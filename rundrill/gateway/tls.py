"""TLS as a client meets it: the certificate that is shown, whether it may be believed; and one that has expired."""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from rundrill.errors import NoEvidence

TIMEOUT_S = 5.0
LIVED, ENDED = timedelta(days=30), timedelta(days=1)
"""How long an expired certificate was good, and since when it is not."""


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


@dataclass(frozen=True)
class Issued:
    """A leaf with its key, and the authority that signed it; all PEM."""

    authority: str
    leaf: str
    key: str


def expired(hosts: tuple[str, ...]) -> Issued:
    """A certificate for these hosts that ended yesterday, from an authority that is still good."""
    now = datetime.now(UTC)
    root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _named(f"CA for {hosts[0]}"[:64])
    authority = (
        _begun(issuer, issuer, root.public_key())
        .not_valid_before(now - 2 * LIVED)
        .not_valid_after(now + LIVED)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(root, hashes.SHA256())
    )
    leaf = (
        _begun(_named(hosts[0][:64]), issuer, own.public_key())
        .not_valid_before(now - LIVED)
        .not_valid_after(now - ENDED)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(root, hashes.SHA256())
    )
    key = own.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem = serialization.Encoding.PEM
    return Issued(authority.public_bytes(pem).decode(), leaf.public_bytes(pem).decode(), key.decode())


def _begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
    )


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
