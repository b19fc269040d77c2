"""What the runs of the kill table may break: a namespace with a small service, a PostgreSQL and a Redis of its own."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from workbench import POLICY, REPOSITORY, namespace, opened

from rundrill import guard
from rundrill.errors import NoEvidence, TargetError
from rundrill.faults import drain
from rundrill.faults.rollout import pods, rollout
from rundrill.faults.selected import is_ready
from rundrill.gateway.kubernetes import Conflict
from rundrill.session import Session
from rundrill.waiting import until

SLUG, NAME, PORT = "aia", "sleeper", 8099
"""The runbook that lends its name: its databases are those of the ground, in a policy of the tests."""
PASSWORD = "kill-table"
REPLICAS = 2
MANAGED = "external-secrets.io/managed=true"
UP_WITHIN = timedelta(seconds=120)
TRIES = 4
"""The scheduler spreads pods as it likes."""
STARTS = """
set -eu
export PGDATA=/data/pg
initdb --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 >/dev/null
printf 'host all all 0.0.0.0/0 scram-sha-256\\n' >> $PGDATA/pg_hba.conf
options="-c listen_addresses=* -c unix_socket_directories=/tmp -c max_connections=30 -c reserved_connections=5"
pg_ctl --wait --silent --options="$options -c listen_addresses=''" start
psql --quiet --host=/tmp --dbname=postgres <<'SQL'
CREATE ROLE app;
CREATE ROLE rundrill_reader LOGIN PASSWORD 'kill-table';
CREATE ROLE rundrill_driller LOGIN PASSWORD 'kill-table';
CREATE TABLE orders (id int);
ALTER TABLE orders OWNER TO rundrill_driller;
GRANT SELECT ON orders TO app;
GRANT pg_read_all_data, pg_monitor TO rundrill_reader, rundrill_driller;
GRANT pg_signal_backend, pg_use_reserved_connections TO rundrill_driller;
SQL
pg_ctl --wait --silent --mode=fast stop
exec postgres $options
"""

type Json = dict[str, Any]


@dataclass(frozen=True)
class Ground:
    """The namespace, and a session whose policy leads to its databases."""

    session: Session
    space: str
    policy: Path

    def in_pods(self, *command: str, of: str = NAME) -> list[str]:
        """What a command says in each pod of a Deployment that is not on its way out, by name."""
        owner = self.session.kube.one("apps/v1/Deployment", self.space, of)
        there = [p for p in pods(self.session, self.space, owner) if "deletionTimestamp" not in p["metadata"]]
        names = [str(pod["metadata"]["name"]) for pod in there]
        return [
            self.session.kube.exec(self.space, name, None, list(command)).stdout.decode() for name in names
        ]

    def make(self, file: str, image: str) -> None:
        """Every object of a file beside this one; the namespace owns those that are in none."""
        owner = str(self.session.kube.one("v1/Namespace", None, self.space)["metadata"]["uid"])
        text = (Path(__file__).parent / file).read_text()
        for word, stands in (("SPACE", self.space), ("IMAGE", image), ("OWNER", owner)):
            text = text.replace(word, stands)
        for body in yaml.safe_load_all(text):
            space = None if body["kind"].startswith("Cluster") else self.space
            self.session.kube.create(f"{body['apiVersion']}/{body['kind']}", space, body)

    def complete(self, *deployments: str) -> bool:
        """Whether all of them are."""
        return all(rollout(self.session, self.space, name).complete for name in deployments)

    def is_whole(self) -> bool:
        """Whether all its servers are up."""
        return self.complete(NAME, "postgres", "redis", "standin")

    def with_secret_manager(self) -> None:
        """A secret manager and its controller are there, and the Secret that they keep."""
        kube = self.session.kube
        if not kube.items("v1/Secret", self.space, MANAGED):
            like = kube.one("apps/v1/Deployment", "aia-production", "aia-secret-manager")["spec"]["template"]
            self.make("kill_secrets.yaml", str(like["spec"]["containers"][0]["image"]))
        assert until(lambda: bool(kube.items("v1/Secret", self.space, MANAGED)), UP_WITHIN)

    def with_a_pod_to_drain(self) -> None:
        """The small service has a pod on a node that may be taken; a node that was drained is empty after it."""
        for _ in range(TRIES):
            if self._on_a_node_for_drills():
                return
            old = rollout(self.session, self.space, NAME).uids
            for pod in self.session.kube.items("v1/Pod", self.space, f"app={NAME}"):
                self.session.kube.delete("v1/Pod", self.space, pod["metadata"]["name"], grace=0)
            assert until(partial(self._replaced, old), UP_WITHIN)
        assert self._on_a_node_for_drills()

    def _replaced(self, old: frozenset[str]) -> bool:
        """Whether others stand for these pods; the Deployment's own status comes late."""
        there = self.session.kube.items("v1/Pod", self.space, f"app={NAME}")
        new = [pod for pod in there if is_ready(pod) and pod["metadata"]["uid"] not in old]
        return len(new) == len(there) == REPLICAS and self.complete(NAME)

    def _on_a_node_for_drills(self) -> bool:
        try:
            return bool(drain.node_of(self.session, self.space, NAME))
        except TargetError:
            return False

    def with_evicted_pods(self) -> None:
        """Two pods whose status says that the kubelet put them out; they never ran, and none of a node's disk was filled."""
        kube, status = self.session.kube, {"status": {"phase": "Failed", "reason": "Evicted"}}
        for name in ("evicted-0", "evicted-1"):
            spec = {"schedulerName": "nobody", "containers": [{"name": "it", "image": "rundrill.dev/none"}]}
            with contextlib.suppress(Conflict):
                kube.create("v1/Pod", self.space, {"metadata": {"name": name}, "spec": spec})
            kube.patch("v1/Pod", self.space, name, status, subresource="status")


@contextlib.contextmanager
def ground(space: str, place: Path) -> Iterator[Ground]:
    """All of it, once it is up; gone with the context."""
    policy = _policy(space, place)
    with opened(place, policy=policy) as session, namespace(session, space, {guard.LABEL: guard.ALLOWED}):
        here = Ground(session, space, policy)
        _make(here)
        assert until(lambda: _is_up(here), UP_WITHIN)
        yield here


def _policy(space: str, place: Path) -> Path:
    """A copy of the policy whose platform `aia` has the databases of the ground."""
    slo = yaml.safe_load(POLICY.read_text())
    platform = slo["targets"]["rundrill"]["platforms"][SLUG]
    for role in ("reader", "driller"):
        platform["postgres"][role] |= {
            "service": f"{space}/postgres:5432",
            "user": f"rundrill_{role}",
            "password": {"secret": f"{space}/rundrill-access/password"},
            "database": "postgres",
        }
    platform["redis"] = {
        "service": f"{space}/redis:6379",
        "password": {"secret": f"{space}/rundrill-access/password"},
    }
    for folder in ("runbooks", "experiments", "loadtests", "defects"):
        shutil.copytree(REPOSITORY / folder, place / folder, dirs_exist_ok=True)
    shutil.copy(REPOSITORY / "attestations.yaml", place)
    (place / "slo.yaml").write_text(yaml.safe_dump(slo, sort_keys=False))
    return place / "slo.yaml"


def _make(here: Ground) -> None:
    session, space = here.session, here.space
    like = session.kube.one("apps/v1/StatefulSet", "aia-production", "postgresql")["spec"]["template"]["spec"]
    image = str(like["containers"][0]["image"])
    secret = {"metadata": {"name": "rundrill-access"}, "stringData": {"password": PASSWORD}}
    session.kube.create("v1/Secret", space, secret)
    settings = {"metadata": {"name": "settings"}, "data": {"LEVEL": "INFO"}}
    session.kube.create("v1/ConfigMap", space, settings)
    serve = f"mkdir -p /tmp/services && exec python3 -m http.server {PORT} --directory /tmp/services"
    _deploy(session, space, NAME, image, ["sh", "-c", serve], PORT, replicas=REPLICAS)
    _deploy(session, space, "postgres", image, ["bash", "-c", STARTS], 5432, user=like.get("securityContext"))
    redis = ["redis-server", "--requirepass", PASSWORD, "--save", "", "--port", "6379", "--bind", "0.0.0.0"]
    _deploy(session, space, "redis", image, redis, 6379)
    here.make("kill_ground.yaml", image)


def _deploy(
    session: Session,
    space: str,
    name: str,
    image: str,
    command: list[str],
    port: int,
    replicas: int = 1,
    user: Json | None = None,
) -> None:
    labels = {"app": name}
    container: Json = {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "5m", "memory": "16Mi"}},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    spec: Json = {
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
        "volumes": [{"name": "data", "emptyDir": {}}],
        **({"securityContext": user} if user else {}),
    }
    template = {"metadata": {"labels": labels}, "spec": spec}
    body = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    session.kube.create("apps/v1/Deployment", space, {"metadata": {"name": name}, "spec": body})
    service = {"selector": labels, "ports": [{"port": port}]}
    session.kube.create("v1/Service", space, {"metadata": {"name": name}, "spec": service})


def _is_up(here: Ground) -> bool:
    if not here.is_whole():
        return False
    try:
        here.session.postgres(SLUG).rows("SELECT 1 FROM orders")
        here.session.postgres(SLUG, "driller").rows("SELECT 1")
        return bool(here.session.redis(SLUG).ask("PING"))
    except (NoEvidence, TargetError):
        return False
