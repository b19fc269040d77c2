"""A namespace of the probes' own with one real server of each sort, to be broken by whoever tests them."""

import contextlib
import datetime
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from workbench import POLICY, TARGET, namespace

from rundrill.judge.state import judge_state
from rundrill.measure import ask
from rundrill.policy import load_policy
from rundrill.promise import Promise
from rundrill.session import Session
from rundrill.target import PlatformAddresses, open_target
from rundrill.verdict import Verdict
from rundrill.waiting import until

SPACE = "rundrill-probes"
SLUG = "probes"
NAME = "shop.example"
SOON = datetime.timedelta(seconds=150)
PASSWORD = "scratch"


@dataclass
class Ground:
    """The namespace, and a session whose platform it is."""

    session: Session

    def judged(self, probe: dict[str, Any], expect: dict[str, Any]) -> Verdict:
        """What comes of asking this now."""
        said = {"id": f"{SLUG}.it", "says": "it", "source": "a test", "gate": "must"}
        promise = Promise.model_validate(said | {"state": {"probe": probe, "expect": expect}})
        assert promise.state is not None
        self.session.forget()
        _, (seen, _) = ask(promise.state.probe, self.session, SLUG)
        return judge_state(promise, seen)

    def inside(self, container: str, script: str) -> str:
        """What a script in the pod prints."""
        done = self.session.kube.exec(SPACE, "ground", container, ["sh", "-euc", script])
        assert done.code == 0, done
        return done.text

    def patch(self, api: str, name: str, body: dict[str, Any]) -> None:
        """An object of the namespace, changed."""
        self.session.kube.patch(api, SPACE, name, body)

    def create(self, text: str) -> None:
        """Every object of a YAML text."""
        for body in yaml.safe_load_all(text):
            self.session.kube.create(f"{body['apiVersion']}/{body['kind']}", SPACE, body)


@contextlib.contextmanager
def ground() -> Iterator[Ground]:
    """Everything up and answering; nothing of it stays."""
    policy = load_policy(POLICY)
    target = open_target(TARGET, policy)
    platform = PlatformAddresses.model_validate(_addresses())
    entry = target.entry.model_copy(update={"platforms": {SLUG: platform}})
    opened = target.model_copy(update={"entry": entry})
    with (
        tempfile.TemporaryDirectory() as directory,
        Session(policy, opened, Path(directory) / "run", disruptive=False) as session,
        namespace(session, SPACE, {"rundrill.dev/drills": "allowed"}),
    ):
        here = Ground(session)
        _build(here)
        yield here


def _addresses() -> dict[str, Any]:
    login = {"password": {"secret": f"{SPACE}/login/password"}}
    return {
        "prometheus": {"service": f"{SPACE}/ground:9090"},
        "alertmanager": {"service": f"{SPACE}/ground:9093"},
        "postgres": {
            "reader": {"service": f"{SPACE}/ground:5432", "user": "postgres", "database": "postgres", **login}
        },
        "redis": {"service": f"{SPACE}/ground:6379", **login},
        "kafka": {"service": f"{SPACE}/ground:9092"},
        "backups": {
            "dump": {
                "namespace": SPACE,
                "claim": "shelf",
                "directory": "/shelf",
                "pattern": "dump_*.sql.gz",
                "source": "reader",
                "markers": "SELECT now()",
            }
        },
    }


def _build(here: Ground) -> None:
    kube = here.session.kube
    prometheus = kube.one("apps/v1/StatefulSet", "monitoring", "prometheus")
    image = prometheus["spec"]["template"]["spec"]["containers"][0]["image"]
    good, bad = certificate(90), certificate(-1)
    for name, (cert, key) in (("good", good), ("bad", bad)):
        body = {"metadata": {"name": f"tls-{name}"}, "stringData": {"tls.crt": cert, "tls.key": key}}
        kube.create("v1/Secret", SPACE, body)
    kube.create("v1/ConfigMap", SPACE, {"metadata": {"name": "authority"}, "data": {"ca.crt": good[0]}})
    text = (Path(__file__).parent / "probe_ground.yaml").read_text()
    here.create(text.replace("IMAGE", image))
    assert until(lambda: _ready(here), SOON), _unready(here)


def _ready(here: Ground) -> bool:
    status = here.session.kube.one("v1/Pod", SPACE, "ground")["status"]
    return any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or ())


def _unready(here: Ground) -> dict[str, str]:
    """The containers that are not ready, and what they wrote last."""
    statuses = here.session.kube.one("v1/Pod", SPACE, "ground")["status"].get("containerStatuses") or ()
    names = [one["name"] for one in statuses if not one["ready"]]
    return {name: here.session.kube.logs(SPACE, "ground", name, tail=5) for name in names}


def certificate(days: int) -> tuple[str, str]:
    """A certificate of its own authority that ends so many days from now, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=30))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(pem).decode(), private.decode()
