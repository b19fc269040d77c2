"""The ingress's certificate, from a certification authority of the cluster's own."""

import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rundrill.errors import TargetError

HOSTS = ("auth", "apps", "ai", "data")
DOMAIN = "aic-aipaas.local"
VALID = timedelta(days=90)
RENEW_BEFORE = timedelta(days=30)


@dataclass(frozen=True)
class Certificate:
    """A leaf with its key, and the authority that signed it; all PEM."""

    authority: str
    leaf: str
    key: str


def make_certificate() -> Certificate:
    """A new authority and a leaf for the platform's hosts; the authority's key is thrown away."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = ",".join(f"DNS:{host}.{DOMAIN}" for host in HOSTS)
        (folder / "leaf.ext").write_text(
            f"subjectAltName={names}\nbasicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth\n"
        )
        days = str(VALID.days)
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        extensions = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        subject = ["-subj", f"/CN=rundrill ingress CA for {DOMAIN}"]
        _openssl(
            folder,
            "req",
            "-x509",
            *curve,
            *subject,
            *extensions,
            "-days",
            days,
            "-keyout",
            "ca.key",
            "-out",
            "ca.crt",
        )
        subject = ["-subj", f"/CN=auth.{DOMAIN}"]
        _openssl(folder, "req", "-new", *curve, *subject, "-keyout", "leaf.key", "-out", "leaf.csr")
        signer = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "leaf.ext"]
        _openssl(folder, "x509", "-req", "-in", "leaf.csr", *signer, "-days", days, "-out", "leaf.crt")
        return Certificate(*((folder / file).read_text() for file in ("ca.crt", "leaf.crt", "leaf.key")))


def needs_renewal(leaf: str, now: datetime) -> bool:
    """Whether the certificate ends within thirty days, or is none."""
    asked = subprocess.run(
        ["openssl", "x509", "-noout", "-enddate"], input=leaf, capture_output=True, text=True, check=False
    )
    if asked.returncode:
        return True
    ends = datetime.strptime(asked.stdout.strip().partition("=")[2], "%b %d %H:%M:%S %Y %Z").replace(
        tzinfo=UTC
    )
    return ends - now < RENEW_BEFORE


def _openssl(folder: Path, *words: str) -> None:
    done = subprocess.run(["openssl", *words], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TargetError(f"openssl {words[0]}: {done.stderr.strip()[-400:]}")
