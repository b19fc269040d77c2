"""A platform's certificates, each from a certification authority of its own."""

import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from rundrill.errors import PolicyError, TargetError
from rundrill.platform.cluster_client import Manifest
from rundrill.platform.credentials import Values, secret

RENEW_BEFORE = timedelta(days=30)


@dataclass(frozen=True)
class Wanted:
    """One entry of a certificates.yaml: the Secret, whom it is for, how long, and where its authority is published."""

    namespace: str
    name: str
    hosts: tuple[str, ...]
    valid: timedelta
    authority: tuple[tuple[str, str], ...]

    def leaf(self, secrets: Values) -> str:
        """The certificate that is there; "" where there is none yet."""
        return secrets.get((self.namespace, self.name), {}).get("tls.crt", "")

    def needs_renewal(self, secrets: Values, now: datetime) -> bool:
        """Whether it ends within thirty days (a third of its life, where that is shorter), or is none."""
        return ends_within(self.leaf(secrets), min(RENEW_BEFORE, self.valid / 3), now)

    def objects(self) -> list[Manifest]:
        """A new certificate as a Secret, and its authority as ConfigMaps."""
        made = make_certificate(self.hosts, self.valid)
        pair = {"tls.crt": made.leaf, "tls.key": made.key}
        published: list[Manifest] = [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"namespace": namespace, "name": name},
                "data": {"ca.crt": made.authority},
            }
            for namespace, name in self.authority
        ]
        return [secret(self.namespace, self.name, pair, "kubernetes.io/tls"), *published]


@dataclass(frozen=True)
class Certificate:
    """A leaf with its key, and the authority that signed it; all PEM."""

    authority: str
    leaf: str
    key: str


def read_certificates(file: Path) -> list[Wanted]:
    """The entries of a certificates.yaml, none where there is no such file; PolicyError names what is wrong with it."""
    if not file.exists():
        return []
    try:
        listed = yaml.safe_load(file.read_text()) or {}
        return [_wanted(place, entry) for place, entry in listed.items()]
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as problem:
        shape = "namespace/Secret: {hosts: [...], days: 90, authority: [namespace/ConfigMap]}"
        raise PolicyError(f"{file}: {problem!r}; expected {shape}") from problem


def _wanted(place: str, entry: Mapping[str, object]) -> Wanted:
    namespace, name = place.split("/")
    hosts, published = entry["hosts"], entry.get("authority", [])
    assert isinstance(hosts, list)
    listed = published if isinstance(published, list) else [published]
    maps = tuple((where.split("/")[0], where.split("/")[1]) for where in map(str, listed))
    return Wanted(namespace, name, tuple(hosts), timedelta(days=int(str(entry.get("days", 90)))), maps)


def make_certificate(hosts: tuple[str, ...], valid: timedelta) -> Certificate:
    """A new authority and a leaf for these hosts; the authority's key is thrown away."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = ",".join(f"DNS:{host}" for host in hosts)
        (folder / "leaf.ext").write_text(
            f"subjectAltName={names}\nbasicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth\n"
        )
        days = ["-days", str(valid.days)]
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        # A common name has 64 characters at most.
        root = ["-subj", f"/CN=CA for {hosts[0]}"[:68], "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        _openssl(folder, "req", "-x509", *curve, *root, *days, "-keyout", "ca.key", "-out", "ca.crt")
        subject = ["-subj", f"/CN={hosts[0]}"[:68]]
        _openssl(folder, "req", "-new", *curve, *subject, "-keyout", "leaf.key", "-out", "leaf.csr")
        signer = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "leaf.ext"]
        _openssl(folder, "x509", "-req", "-in", "leaf.csr", *signer, *days, "-out", "leaf.crt")
        return Certificate(*((folder / file).read_text() for file in ("ca.crt", "leaf.crt", "leaf.key")))


def ends_within(leaf: str, left: timedelta, now: datetime) -> bool:
    """Whether the certificate ends that soon, or is none."""
    asked = subprocess.run(
        ["openssl", "x509", "-noout", "-enddate"], input=leaf, capture_output=True, text=True, check=False
    )
    if asked.returncode:
        return True
    ends = datetime.strptime(asked.stdout.strip().partition("=")[2], "%b %d %H:%M:%S %Y %Z").replace(
        tzinfo=UTC
    )
    return ends - now < left


def _openssl(folder: Path, *words: str) -> None:
    done = subprocess.run(["openssl", *words], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TargetError(f"openssl {words[0]}: {done.stderr.strip()[-400:]}")
