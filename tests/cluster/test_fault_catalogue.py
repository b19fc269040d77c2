"""Each fault of the catalogue bites on something real, its undo leaves all as before, and the ledger is closed."""

from collections.abc import Iterator

import pytest
from workbench import SOON, as_chaos_child, deployment, namespace, opened

from rundrill import guard, ledger
from rundrill.errors import NoEvidence, TargetError
from rundrill.faults import change, grip, hand, inside, kill
from rundrill.faults.rollout import pods, rollout
from rundrill.session import Session
from rundrill.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.apart]
SPACE, NAME = "rundrill-test-faults", "sleeper"
HERE = {"runbook": "aic-aipaas", "whole_service": True}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A run at work: Lease taken, undoers standing by; this process is its own chaos child."""
    place = tmp_path_factory.mktemp("catalogue")
    with opened(place) as session, namespace(session, SPACE, {guard.LABEL: guard.ALLOWED}):
        deployment(session, SPACE, NAME)
        with as_chaos_child(session, place, "catalogue", [SPACE]):
            yield session


@pytest.fixture(autouse=True)
def all_is_undone(session: Session) -> Iterator[None]:
    yield
    mine = ledger.of_experiment(session.run, "catalogue")
    ledger.undo_all(session, mine)
    assert not any(map(mine, ledger.open_entries(session)))


def one_pod(session: Session) -> str:
    there = pods(session, SPACE, session.kube.one("apps/v1/Deployment", SPACE, NAME))
    return next(str(p["metadata"]["name"]) for p in there if "deletionTimestamp" not in p["metadata"])


def said(session: Session, *command: str) -> str:
    return session.kube.exec(SPACE, one_pod(session), None, list(command)).stdout.decode()


def test_a_changed_object_gets_its_former_words_back(session: Session) -> None:
    session.kube.create("v1/ConfigMap", SPACE, {"metadata": {"name": "settings"}, "data": {"LEVEL": "INFO"}})
    change.patch("v1/ConfigMap", SPACE, "settings", {"data": {"LEVEL": "DEBUG", "NEW": "1"}}, HERE)
    assert session.kube.one("v1/ConfigMap", SPACE, "settings")["data"] == {"LEVEL": "DEBUG", "NEW": "1"}
    ledger.undo_all(session, ledger.of_experiment(session.run, "catalogue"))
    assert session.kube.one("v1/ConfigMap", SPACE, "settings")["data"] == {"LEVEL": "INFO"}


def test_an_image_that_does_not_pull_is_taken_back_and_all_pods_are_there(session: Session) -> None:
    before = session.kube.one("apps/v1/Deployment", SPACE, NAME)["spec"]["template"]["spec"]
    containers = [{**before["containers"][0], "image": "rundrill.dev/nowhere:none"}]
    change.patch(
        "apps/v1/Deployment", SPACE, NAME, {"spec": {"template": {"spec": {"containers": containers}}}}, HERE
    )
    assert until(lambda: not rollout(session, SPACE, NAME).complete, SOON)
    ledger.undo_all(session, ledger.of_experiment(session.run, "catalogue"))
    after = session.kube.one("apps/v1/Deployment", SPACE, NAME)["spec"]["template"]["spec"]
    assert after["containers"] == before["containers"]
    assert rollout(session, SPACE, NAME).complete


def test_two_changes_of_one_object_lead_back_to_the_first_words_in_either_order(session: Session) -> None:
    session.kube.create("v1/ConfigMap", SPACE, {"metadata": {"name": "twice"}, "data": {"LEVEL": "INFO"}})
    change.patch("v1/ConfigMap", SPACE, "twice", {"data": {"LEVEL": "DEBUG"}}, HERE)
    change.patch("v1/ConfigMap", SPACE, "twice", {"data": {"LEVEL": "TRACE", "NEW": "1"}}, HERE)
    mine = ledger.of_experiment(session.run, "catalogue")
    for entry in reversed(list(filter(mine, ledger.open_entries(session)))):
        ledger.undo(session, entry)
    assert session.kube.one("v1/ConfigMap", SPACE, "twice")["data"] == {"LEVEL": "INFO"}


def test_a_made_object_goes_and_a_taken_one_comes_back(session: Session) -> None:
    made = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "made", "namespace": SPACE},
        "data": {},
    }
    change.create(made, HERE)
    change.delete("v1/Service", SPACE, NAME, HERE)
    ledger.undo_all(session, ledger.of_experiment(session.run, "catalogue"))
    names = [one["metadata"]["name"] for one in session.kube.items("v1/ConfigMap", SPACE)]
    assert "made" not in names
    assert session.kube.one("v1/Service", SPACE, NAME)["spec"]["selector"] == {"app": NAME}


def test_a_claim_or_a_secret_is_never_taken_away(session: Session) -> None:
    with pytest.raises(TargetError, match="refused"):
        change.delete("v1/Secret", SPACE, "any", HERE)


def test_a_killed_pod_is_gone_with_its_uid_and_another_comes(session: Session) -> None:
    proof = kill.kill_pods(SPACE, NAME, HERE)
    assert "1 of 2 pods" in proof
    ledger.undo_all(session, ledger.of_experiment(session.run, "catalogue"))
    assert rollout(session, SPACE, NAME).complete


def test_what_a_disruption_budget_does_not_leave_is_not_taken(session: Session) -> None:
    spec = {"minAvailable": 2, "selector": {"matchLabels": {"app": NAME}}}
    session.kube.create("policy/v1/PodDisruptionBudget", SPACE, {"metadata": {"name": "both"}, "spec": spec})
    with pytest.raises(TargetError, match="PodDisruptionBudget both leaves 0"):
        kill.kill_pods(SPACE, NAME, {"runbook": "aic-aipaas"})
    session.kube.delete("policy/v1/PodDisruptionBudget", SPACE, "both")


def test_a_frozen_process_goes_on_after_the_undo(session: Session) -> None:
    # The first process of a container cannot be stopped from inside; one beside it can, once it let go of our output.
    begin = "sleep 600 >/dev/null 2>&1 & echo $! > /tmp/frozen; sleep 0.5; kill -STOP $!"
    end = (
        "[ ! -f /tmp/frozen ] || { kill -CONT $(cat /tmp/frozen); kill $(cat /tmp/frozen); rm /tmp/frozen; }"
    )
    inside.run(SPACE, f"app={NAME}", begin, end, HERE, count=1)
    assert "T" in said(session, "sh", "-c", "cut -d' ' -f3 /proc/$(cat /tmp/frozen)/stat")
    ledger.undo_all(session, ledger.of_experiment(session.run, "catalogue"))
    assert said(session, "sh", "-c", "ls /tmp") == ""


def test_a_begin_that_fails_is_no_fault_and_its_end_runs_all_the_same(session: Session) -> None:
    with pytest.raises(NoEvidence, match="ended with 3"):
        inside.run(SPACE, f"app={NAME}", "touch /tmp/half; exit 3", "rm -f /tmp/half", HERE, count=1)
    ledger.undo_all(session, ledger.of_experiment(session.run, "catalogue"))
    assert said(session, "sh", "-c", "ls /tmp") == ""


def test_a_refused_connection_is_let_through_again_by_the_undo(session: Session) -> None:
    listening = "python3 -m http.server 8099 --directory /tmp >/dev/null 2>&1 & sleep 2"
    said(session, "sh", "-c", listening)
    ask = ["sh", "-c", "curl -s -o /dev/null -w '%{http_code}' --max-time 3 http://127.0.0.1:8099/ || true"]
    assert said(session, *ask) == "200"
    rule = "OUTPUT -p tcp --dport 8099 -j REJECT --reject-with tcp-reset -m comment --comment rundrill"
    hand.reach_in(
        SPACE,
        f"app={NAME}",
        f"within iptables -A {rule}",
        f"while within iptables -D {rule} 2>/dev/null; do :; done",
        HERE,
        count=1,
    )
    assert said(session, *ask) == "000"
    ledger.undo_all(session, ledger.of_experiment(session.run, "catalogue"))
    assert said(session, *ask) == "200"
    left = session.kube.items("v1/Pod", ledger.NAMESPACE, f"{grip.LABEL}")
    assert [pod for pod in left if SPACE in str(pod)] == []
