"""The undo stands in the cluster before the fault; it is closed only when it is proven."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from workbench import deployment, namespace, opened

from rundrill import guard, ledger
from rundrill.errors import TargetError, UndoError
from rundrill.faults import restart, scale
from rundrill.faults.rollout import rollout
from rundrill.lease import Holding
from rundrill.session import Session

pytestmark = pytest.mark.cluster
SPACE, NAME = "rundrill-test-ledger", "sleeper"


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    """A run that is alive on a platform of its own, so that no other run's undoers take its entries for orphans."""
    with opened() as session, namespace(session, SPACE, {guard.LABEL: guard.ALLOWED}):
        deployment(session, SPACE, NAME)
        holding = Holding(session.kube, session.run)
        holding.take([SPACE])
        yield session
        holding.end()


@pytest.fixture(autouse=True)
def no_entry_stays_open(session: Session) -> Iterator[None]:
    yield
    for entry in ledger.open_entries(session):
        if entry.undo.get("namespace") == SPACE:
            session.kube.delete("v1/ConfigMap", ledger.NAMESPACE, entry.name)


def mine(session: Session) -> Callable[[ledger.Entry], bool]:
    return lambda entry: entry.run == session.run


def opened_by(session: Session) -> list[str]:
    return [entry.name for entry in filter(mine(session), ledger.open_entries(session))]


def wanted(session: Session) -> int:
    return int(session.kube.one("apps/v1/Deployment", SPACE, NAME)["spec"]["replicas"])


def test_an_open_fault_is_undone_proven_and_closed(session: Session) -> None:
    before = datetime.now(UTC)
    ledger.open_entry(session, "scale", {"namespace": SPACE, "workload": NAME, "replicas": 2})
    session.kube.patch("apps/v1/Deployment", SPACE, NAME, {"spec": {"replicas": 0}})
    (undone,) = ledger.undo_all(session, mine(session))
    assert undone.proof is not None
    assert "2 replicas ready" in undone.proof
    assert wanted(session) == 2
    assert opened_by(session) == []
    closed = ledger.last_closed(session)
    assert closed is not None
    assert closed >= before


def test_undoing_twice_does_nothing_the_second_time(session: Session) -> None:
    ledger.open_entry(session, "scale", {"namespace": SPACE, "workload": NAME, "replicas": 2})
    assert len(ledger.undo_all(session, mine(session))) == 1
    assert ledger.undo_all(session, mine(session)) == []


def test_a_fault_that_never_began_is_undone_all_the_same(session: Session) -> None:
    ledger.open_entry(session, "scale", {"namespace": SPACE, "workload": NAME, "replicas": 2})
    ledger.undo_all(session, mine(session))
    assert wanted(session) == 2


def test_no_run_begins_while_a_fault_is_open_and_the_refusal_names_it(session: Session) -> None:
    entry = ledger.open_entry(session, "scale", {"namespace": SPACE, "workload": NAME, "replicas": 2})
    with pytest.raises(TargetError, match=f"{entry.name}.*rundrill recover"):
        ledger.refuse_while_open(session, [SPACE])
    ledger.undo_all(session, mine(session))
    ledger.refuse_while_open(session, [SPACE])


def test_what_cannot_be_undone_stays_open_and_is_an_error(session: Session) -> None:
    entry = ledger.open_entry(session, "scale", {"namespace": SPACE, "workload": "gone", "replicas": 2})
    with pytest.raises(UndoError, match=entry.name):
        ledger.undo_all(session, mine(session))
    assert opened_by(session) == [entry.name]


def test_an_entry_of_an_unknown_fault_is_an_error(session: Session) -> None:
    ledger.open_entry(session, "meteor", {"namespace": SPACE})
    with pytest.raises(UndoError, match="cannot undo"):
        ledger.undo_all(session, mine(session))


def test_an_interrupted_restart_is_finished_by_its_undo(session: Session) -> None:
    before = rollout(session, SPACE, NAME).uids
    ledger.open_entry(
        session, "restart", {"namespace": SPACE, "workload": NAME, "stamp": None, "uids": sorted(before)}
    )
    template = {"metadata": {"annotations": {restart.STAMP: datetime.now(UTC).isoformat()}}}
    session.kube.patch("apps/v1/Deployment", SPACE, NAME, {"spec": {"template": template}})
    (undone,) = ledger.undo_all(session, mine(session))
    assert "every uid is new" in str(undone.proof)
    assert not rollout(session, SPACE, NAME).uids & before


def test_the_guard_lets_a_fault_into_a_namespace_that_opted_in(session: Session) -> None:
    preview = scale.preview(session, SPACE, NAME)
    assert len(preview.subjects) == preview.of == 2
    guard.allow(session, preview, {"whole_service": True})


def test_the_guard_refuses_a_namespace_that_did_not_opt_in(session: Session) -> None:
    preview = guard.Preview("scale to zero", "default", "Deployment x", ("x-1",), 2)
    with pytest.raises(TargetError, match="carries no label"):
        guard.allow(session, preview)


def test_the_guard_refuses_a_protected_namespace_whatever_its_labels(session: Session) -> None:
    preview = guard.Preview("scale to zero", "kube-system", "Deployment coredns", ("coredns-1",), 2)
    with pytest.raises(TargetError, match="protected"):
        guard.allow(session, preview)


def test_the_guard_refuses_an_empty_selection(session: Session) -> None:
    with pytest.raises(TargetError, match="nothing to touch"):
        guard.allow(session, guard.Preview("scale to zero", SPACE, "Deployment x", (), 0))


def test_the_guard_refuses_more_than_the_allowed_share_unless_the_experiment_means_it() -> None:
    preview = guard.Preview("scale to zero", SPACE, "Deployment x", ("x-1", "x-2"), 3)
    with opened() as strict:
        narrow = strict.policy.guard.model_copy(update={"largest_share": 0.5})
        strict.policy = replace(strict.policy, guard=narrow)
        with pytest.raises(TargetError, match="more than the allowed 50%"):
            guard.allow(strict, preview)
        guard.allow(strict, preview, {"whole_service": True})


def test_the_guard_refuses_every_fault_of_a_reading_session() -> None:
    with opened(disruptive=False) as reading, pytest.raises(TargetError, match="--disruptive"):
        guard.allow(reading, guard.Preview("scale to zero", SPACE, "Deployment x", ("x-1",), 2))


def test_the_guard_refuses_a_node_that_did_not_opt_in(session: Session) -> None:
    node = session.kube.items("v1/Node")[0]["metadata"]["name"]
    preview = guard.Preview("drain", None, f"node {node}", ("no-such-label-" + node,), 2)
    with pytest.raises(TargetError):
        guard.allow(session, preview)
