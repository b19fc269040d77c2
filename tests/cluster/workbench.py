"""A namespace of the tests' own on the drill cluster, with a small Deployment that nobody misses."""

import contextlib
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

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
