"""A node is lost and found again: whoever undoes it, and though no new pod could start on it meanwhile."""

from collections.abc import Iterator

import pytest
from serving import serve
from workbench import as_chaos_child, namespace, opened

from rundrill import child, guard, hops, ledger
from rundrill.errors import TargetError
from rundrill.faults import node
from rundrill.session import Session

pytestmark = [pytest.mark.cluster, pytest.mark.soak, pytest.mark.alone]
SPACE = "rundrill-test-node"
HERE = {"runbook": "aic-aipaas", "whole_service": True, "alone": True}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A run at work on every platform, with servers on both nodes; this process is its own chaos child."""
    place = tmp_path_factory.mktemp("node")
    with opened(place) as session, namespace(session, SPACE, {guard.LABEL: guard.ALLOWED}):
        serve(session, SPACE)
        everywhere = [SPACE, *(runbook.runbook for runbook in session.policy.runbooks)]
        with as_chaos_child(session, place, "node", everywhere):
            yield session


def test_a_lost_node_must_be_meant_for_all_platforms(session: Session) -> None:
    with pytest.raises(TargetError, match="alone: true"):
        node.lose_node_of(SPACE, "server", {"runbook": "aic-aipaas", "whole_service": True})


def test_a_node_is_lost_and_found_again(session: Session) -> None:
    try:
        node.lose_node_of(SPACE, "server", HERE)
        proof = hops.reached(child.directory(), "fault_proven")
        assert proof and "is not ready" in proof[1]
    finally:
        mine = ledger.of_experiment(session.run, "node")
        entries = list(filter(mine, ledger.open_entries(session)))
        undone = ledger.undo_all(session, mine)
    assert "is ready" in str(undone[0].proof)
    assert "is ready" in node.undo(session, entries[0].undo)
    assert session.kube.items("v1/Pod", ledger.NAMESPACE, node.LABEL) == []
