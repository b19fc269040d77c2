"""Faults that reach into pods: each bites, says how it was seen, and leaves nothing behind."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from serving import SERVER, serve
from workbench import SOON, as_chaos_child, namespace, opened

from rundrill import child, guard, hops, ledger
from rundrill.errors import NoEvidence
from rundrill.faults import bad_rollout, grip, latency, network, pressure, process, volume
from rundrill.faults.rollout import rollout
from rundrill.session import Session
from rundrill.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.soak]
SPACE = "rundrill-test-pods"
HERE = {"runbook": "aic-aipaas", "whole_service": True, "may_hide_the_volume": True}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A run at work on two servers in a namespace of their own; this process is its own chaos child."""
    place = tmp_path_factory.mktemp("pods")
    with opened(place) as session, namespace(session, SPACE, {guard.LABEL: guard.ALLOWED}):
        serve(session, SPACE)
        with as_chaos_child(session, place, "pods", [SPACE]):
            yield session


@pytest.fixture(autouse=True)
def all_is_undone(session: Session) -> Iterator[None]:
    """Undone after each test, and nothing left: no entry, no hand, every pod ready."""
    yield
    mine = ledger.of_experiment(session.run, "pods")
    ledger.undo_all(session, mine)
    assert not any(map(mine, ledger.open_entries(session)))
    assert until(lambda: rollout(session, SPACE, "server").complete, SOON)


def proven() -> str:
    """What the last fault was proven by."""
    said = [says for hop, says in hops.noted(child.directory()) if hop.name == "fault_proven"]
    return said[-1]


def test_a_frozen_container_goes_on_after_the_undo(session: Session) -> None:
    process.freeze(SPACE, SERVER, HERE, count=1)
    assert "stand still (state T)" in proven()


def test_one_process_may_be_frozen_alone(session: Session) -> None:
    with pytest.raises(NoEvidence, match="no such process"):
        process.freeze(SPACE, SERVER, HERE, match="no-such-word", count=1)


def test_a_signal_ends_the_container_and_the_kubelet_says_so(session: Session) -> None:
    process.signal(SPACE, SERVER, HERE)
    assert "container server ended with" in proven()


def test_a_signal_that_the_first_process_ignores_is_not_proven(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The kernel keeps the first process of a container from signals that it has no answer to.
    monkeypatch.setattr(process, "BITES_WITHIN", timedelta(seconds=3))
    with pytest.raises(NoEvidence, match="not hit by TERM"):
        process.signal(SPACE, SERVER, HERE, signal="TERM")


@pytest.mark.parametrize("fault", [network.refuse, network.reset, network.drop])
def test_connections_out_of_a_pod_fail_and_then_do_not(session: Session, fault: object) -> None:
    assert callable(fault)
    fault(SPACE, SERVER, HERE, port=8000, peer=f"{SPACE}/server", count=1)
    assert "worked before and fails now" in proven()


def test_a_port_that_drops_what_arrives_makes_its_pod_unready(session: Session) -> None:
    network.drop(SPACE, SERVER, HERE, port=8000, direction="in", count=1)
    assert until(lambda: not rollout(session, SPACE, "server").complete, SOON)


def test_names_are_not_resolved_without_dns(session: Session) -> None:
    network.lose_dns(SPACE, SERVER, HERE, count=1)
    assert "resolving kubernetes" in proven()


def test_a_narrow_link_lets_few_bytes_out(session: Session) -> None:
    network.narrow(SPACE, SERVER, HERE, rate="256kbit", count=1)
    assert "bytes left in two seconds" in proven()


@pytest.mark.parametrize("direction", ["in", "out"])
def test_a_slow_connection_takes_twice_the_latency_longer(session: Session, direction: str) -> None:
    peer = f"{SPACE}/server" if direction == "out" else None
    latency.slow(
        SPACE, SERVER, 8000, HERE, latency="300ms", jitter="50ms", direction=direction, peer=peer, count=1
    )
    assert "first byte after" in proven()


def test_cpu_is_used_up_and_left_alone_again(session: Session) -> None:
    pressure.burn_cpu(SPACE, SERVER, HERE, workers=1, count=1)
    assert "CPUs" in proven()


def test_memory_is_filled_to_a_share_and_nobody_dies(session: Session) -> None:
    pressure.fill_memory(SPACE, SERVER, HERE, share="85%", count=1)
    assert "of its 128 MiB" in proven()
    assert rollout(session, SPACE, "server").complete


def test_too_much_memory_is_the_end_of_the_container(session: Session) -> None:
    pressure.run_out_of_memory(SPACE, SERVER, HERE)
    assert "OOMKilled" in proven()


def test_a_small_volume_is_filled_and_emptied_of_our_file_alone(session: Session) -> None:
    volume.fill(SPACE, SERVER, "/small", HERE)
    assert "0 MiB free" in proven()


def test_a_full_file_system_stands_in_for_a_wide_volume(session: Session) -> None:
    volume.stand_in(SPACE, SERVER, "/wide", HERE)
    assert "16 MiB in use and 0 MiB free" in proven()


def test_a_release_that_crashes_is_taken_back(session: Session) -> None:
    bad_rollout.crash_loop(SPACE, "server", HERE)
    assert "crashes, restarted" in proven()


def test_a_release_without_an_image_is_taken_back(session: Session) -> None:
    bad_rollout.missing_image(SPACE, "server", HERE)
    assert "server waits:" in proven()


def test_no_hand_is_left_in_the_end(session: Session) -> None:
    mine = [p for p in session.kube.items("v1/Pod", ledger.NAMESPACE, grip.LABEL) if SPACE in str(p)]
    assert mine == []
