"""A certificate that has expired, made by cryptography: by its authority and its hosts it would be fine."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIVED = timedelta(days=30)
ENDED = timedelta(days=1)


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
