"""A namespace of the tests' own on the drill cluster, with a small Deployment that nobody misses."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import yaml

from rundrill import child, standby
from rundrill.errors import TargetError
from rundrill.faults.rollout import rollout
from rundrill.gateway.kubernetes import Json, NotFound
from rundrill.session import Session, open_session
from rundrill.waiting import until

REPOSITORY = Path(__file__).resolve().parents[2]
POLICY = REPOSITORY / "slo.yaml"
TARGET = "kube://rundrill"
SOON = timedelta(seconds=60)


@contextlib.contextmanager
def opened(
    directory: Path | None = None, disruptive: bool = True, policy: Path = POLICY
) -> Iterator[Session]:
    """A session on the drill cluster."""
    with contextlib.ExitStack() as ending:
        place = directory or Path(ending.enter_context(tempfile.TemporaryDirectory()))
        yield ending.enter_context(open_session(policy, TARGET, place, disruptive))


@contextlib.contextmanager
def as_chaos_child(session: Session, place: Path, experiment: str, platforms: list[str]) -> Iterator[None]:
    """A run at work on these platforms, and this process its own chaos child: faults can be called as an experiment does."""
    before = dict(os.environ)
    with standby.at_work(session, platforms):
        os.environ |= child.environment(session, place, experiment, platforms)
        child.session.cache_clear()
        yield
    child.session().close()
    child.session.cache_clear()
    os.environ.clear()
    os.environ |= before


@contextlib.contextmanager
def namespace(session: Session, name: str, labels: dict[str, str] | None = None) -> Iterator[str]:
    """A namespace while the context lasts, and gone after it."""
    with contextlib.suppress(NotFound):
        session.kube.delete("v1/Namespace", None, name)
    assert until(lambda: not _there(session, name), SOON)
    session.kube.create("v1/Namespace", None, {"metadata": {"name": name, "labels": labels or {}}})
    try:
        yield name
    finally:
        session.kube.delete("v1/Namespace", None, name)


def deployment(session: Session, space: str, name: str, replicas: int = 2) -> None:
    """A Deployment of sleepers with their Service, once all are available."""
    image = session.kube.items("apps/v1/Deployment", "microservices")[0]["spec"]["template"]["spec"][
        "containers"
    ][0]
    labels = {"app": name}
    container = {"name": "sleeper", "image": image["image"], "command": ["sleep", "3600"]}
    pod = {"terminationGracePeriodSeconds": 0, "containers": [container]}
    template = {"metadata": {"labels": labels}, "spec": pod}
    body: Json = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    session.kube.create("apps/v1/Deployment", space, {"metadata": {"name": name}, "spec": body})
    service = {"selector": labels, "ports": [{"port": 80}]}
    session.kube.create("v1/Service", space, {"metadata": {"name": name}, "spec": service})
    assert until(lambda: rollout(session, space, name).complete, SOON)


def _there(session: Session, name: str) -> bool:
    try:
        session.kube.one("v1/Namespace", None, name)
    except NotFound:
        return False
    return True


def prometheus(session: Session, space: str, rules: str) -> str:
    """The address of a Prometheus of the tests that has these rules and not one sample."""
    ours = session.kube.one("apps/v1/StatefulSet", "monitoring", "prometheus")["spec"]["template"]["spec"]
    settings = yaml.safe_dump({"global": {"evaluation_interval": "1s"}, "rule_files": ["rules.yml"]})
    files = {"prometheus.yml": settings, "rules.yml": rules}
    session.kube.create("v1/ConfigMap", space, {"metadata": {"name": "rules"}, "data": files})
    begin = "cp /etc/rules/*.yml /tmp/ && exec prometheus --config.file=/tmp/prometheus.yml"
    container: Json = {
        "name": "prometheus",
        "image": ours["containers"][0]["image"],
        "command": ["sh", "-c", f"{begin} --storage.tsdb.path=/tmp/samples"],
        "volumeMounts": [{"name": "rules", "mountPath": "/etc/rules"}],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": 9090}, "periodSeconds": 1},
    }
    volumes = [{"name": "rules", "configMap": {"name": "rules"}}]
    spec = {"containers": [container], "volumes": volumes, "terminationGracePeriodSeconds": 0}
    labels = {"app": "prometheus"}
    session.kube.create("v1/Pod", space, {"metadata": {"name": "prometheus", "labels": labels}, "spec": spec})
    service = {"selector": labels, "ports": [{"port": 9090}]}
    session.kube.create("v1/Service", space, {"metadata": {"name": "prometheus"}, "spec": service})
    assert until(lambda: _evaluates(session, space), SOON)
    return f"{space}/prometheus:9090"


def drop_rules(session: Session, space: str) -> None:
    """Takes every rule from that Prometheus while it runs."""
    command = ["sh", "-c", "echo 'groups: []' > /tmp/rules.yml && kill -HUP 1"]
    assert session.kube.exec(space, "prometheus", "prometheus", command).code == 0


def _evaluates(session: Session, space: str) -> bool:
    try:
        status, body = session.kube.pod_get(space, "prometheus", 9090, "/api/v1/rules")
    except TargetError:  # It has no address yet.
        return False
    return status == 200 and b'"health":"ok"' in body and b'"health":"unknown"' not in body
