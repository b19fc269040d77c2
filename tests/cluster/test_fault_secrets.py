"""A rotated Secret gets its values back from whoever undoes it, and nobody may read it who need not."""

import base64
import json
from collections.abc import Iterator

import pytest
from workbench import as_chaos_child, namespace, opened

from rundrill import guard, ledger, standby
from rundrill.errors import TargetError, UndoError
from rundrill.faults import change, rotate
from rundrill.gateway.kubernetes import Refused
from rundrill.session import Session

pytestmark = pytest.mark.cluster
SPACE = "rundrill-test-secrets"
HERE = {"runbook": "aic-aipaas", "whole_service": True}
UNDOER = f"system:serviceaccount:{ledger.NAMESPACE}:{standby.ACCOUNT}"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A run at work in a namespace with one Secret; this process is its own chaos child."""
    place = tmp_path_factory.mktemp("secrets")
    with opened(place) as session, namespace(session, SPACE, {guard.LABEL: guard.ALLOWED}):
        data = {"password": _coded("first"), "other": _coded("stays")}
        session.kube.create("v1/Secret", SPACE, {"metadata": {"name": "access"}, "data": data})
        with as_chaos_child(session, place, "secrets", [SPACE]):
            yield session


@pytest.fixture(autouse=True)
def all_is_undone(session: Session) -> Iterator[None]:
    yield
    ledger.undo_all(session, mine(session))
    assert values(session) == {"password": "first", "other": "stays"}


def mine(session: Session):  # type: ignore[no-untyped-def]
    return ledger.of_experiment(session.run, "secrets")


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def values(session: Session) -> dict[str, str]:
    data = session.kube.one("v1/Secret", SPACE, "access")["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def may(session: Session, verb: str, resource: str, space: str, name: str = "") -> bool:
    """Whether the API server lets the undoer."""
    group, _, kind = resource.rpartition("/")
    asked = {"verb": verb, "group": group, "resource": kind, "namespace": space, "name": name}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": UNDOER, "groups": ["system:serviceaccounts"], "resourceAttributes": asked},
    }
    said = session.kube.call("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(said["status"]["allowed"])


def test_values_change_and_come_back_and_stand_in_no_ledger(session: Session) -> None:
    rotate.rotate(SPACE, "access", {"password": "random", "new": "text:second"}, HERE)
    now = values(session)
    assert now["other"] == "stays" and now["new"] == "second" and now["password"] != "first"
    entry = next(one for one in ledger.open_entries(session) if mine(session)(one))
    assert now["password"] not in json.dumps(dict(entry.undo)) and "first" not in json.dumps(dict(entry.undo))
    ledger.undo_all(session, mine(session))
    assert rotate.undo(session, entry.undo)  # Once more changes nothing.
    assert not [
        s
        for s in session.kube.items("v1/Secret", ledger.NAMESPACE)
        if s["metadata"]["name"] == entry.undo["token"]
    ]


def test_the_undoer_may_touch_that_secret_while_the_fault_lasts_and_no_other(session: Session) -> None:
    assert not may(session, "patch", "/secrets", SPACE, "access")
    rotate.rotate(SPACE, "access", {"password": "random"}, HERE)
    assert may(session, "patch", "/secrets", SPACE, "access")
    assert not may(session, "get", "/secrets", SPACE, "another") and not may(
        session, "list", "/secrets", SPACE
    )
    ledger.undo_all(session, mine(session))
    assert not may(session, "patch", "/secrets", SPACE, "access")


def test_a_second_rotation_of_the_same_secret_is_refused(session: Session) -> None:
    rotate.rotate(SPACE, "access", {"password": "random"}, HERE)
    with pytest.raises(TargetError, match="rotated already"):
        rotate.rotate(SPACE, "access", {"password": "random"}, HERE)


def test_lost_former_values_leave_the_entry_open(session: Session) -> None:
    rotate.rotate(SPACE, "access", {"password": "random"}, HERE)
    entry = next(one for one in ledger.open_entries(session) if mine(session)(one))
    kept = session.kube.one("v1/Secret", ledger.NAMESPACE, entry.undo["token"])
    session.kube.delete("v1/Secret", ledger.NAMESPACE, entry.undo["token"])
    with pytest.raises(UndoError, match="are gone"):
        ledger.undo_all(session, mine(session))
    session.kube.create("v1/Secret", ledger.NAMESPACE, change.bare(kept))


def test_an_expired_certificate_is_put_in_and_taken_out(session: Session) -> None:
    from datetime import UTC, datetime

    from rundrill.gateway.tls import read_certificate

    pair = {"tls.crt": _coded("-"), "tls.key": _coded("-")}
    session.kube.create("v1/Secret", SPACE, {"metadata": {"name": "tls"}, "data": pair})
    rotate.expire(SPACE, "tls", ["shop.example"], HERE)
    shown = session.kube.one("v1/Secret", SPACE, "tls")["data"]["tls.crt"]
    certificate = read_certificate(base64.b64decode(shown))
    assert certificate.not_after < datetime.now(UTC) and certificate.names == ("shop.example",)
    ledger.undo_all(session, mine(session))
    assert session.kube.one("v1/Secret", SPACE, "tls")["data"]["tls.crt"] == _coded("-")


def test_a_right_that_we_have_not_stops_the_fault_before_it_begins(session: Session) -> None:
    with pytest.raises(Refused):
        rotate.rotate(SPACE, "no-such-secret", {"password": "random"}, HERE)
    assert not [one for one in ledger.open_entries(session) if mine(session)(one)]
