"""One run of faults at a time on a platform; on two platforms two runs side by side."""

import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from kube_in_memory import KubeInMemory

from rundrill import lease
from rundrill.errors import TargetError
from rundrill.gateway.kubernetes import Kube
from rundrill.lease import API, NAMESPACE, PREFIX, Holding

SHOP, BANK = "shop", "bank"


@pytest.fixture
def kube(monkeypatch: pytest.MonkeyPatch) -> Kube:
    """An API server beside which time is short."""
    monkeypatch.setattr(lease, "BEATS", timedelta(milliseconds=10))
    monkeypatch.setattr(lease, "DEAD_AFTER", timedelta(milliseconds=80))
    return cast(Kube, KubeInMemory())


def holders(kube: Kube) -> dict[str, str]:
    return {slug: pulse.holder for slug, pulse in lease.read(kube).items()}


def seen(ended: threading.Event, why: list[str]) -> Callable[[str], None]:
    def hears(said: str) -> None:
        why.append(said)
        ended.set()

    return hears


def test_two_runs_are_at_work_on_two_platforms(kube: Kube) -> None:
    one, two = Holding(kube, "run-1"), Holding(kube, "run-2")
    one.take([SHOP])
    two.take([BANK])
    assert holders(kube) == {SHOP: "run-1", BANK: "run-2"}
    one.end()
    two.end()
    assert holders(kube) == {SHOP: "", BANK: ""}


def test_a_second_run_is_refused_where_one_is_alive_and_takes_nothing_of_it(kube: Kube) -> None:
    one, two = Holding(kube, "run-1"), Holding(kube, "run-2")
    one.take([SHOP])
    with pytest.raises(
        TargetError, match="run-1 is at work on the platform shop: one game day at a time on each"
    ):
        two.take([SHOP, BANK])
    assert holders(kube)[SHOP] == "run-1"
    one.end()
    two.end()
    assert holders(kube) == {SHOP: "", BANK: ""}


def test_a_run_that_beats_no_more_is_no_obstacle(kube: Kube) -> None:
    lease.take(kube, SHOP, "run-1")
    Holding(kube, "run-2").take([SHOP])
    assert holders(kube) == {SHOP: "run-2"}


def test_one_that_was_last_seen_long_ago_is_not_even_watched(kube: Kube) -> None:
    lease.take(kube, SHOP, "run-1")
    old = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    kube.patch(API, NAMESPACE, PREFIX + SHOP, {"spec": {"renewTime": old}})
    said: list[str] = []
    lease.take(kube, SHOP, "run-2", said.append)
    assert said == []


def test_every_platform_beats_while_it_is_held(kube: Kube) -> None:
    one = Holding(kube, "run-1")
    one.take([SHOP])
    one.take([BANK])
    first, beaten = lease.read(kube), threading.Event()
    for _ in range(200):
        now = lease.read(kube)
        if all(now[slug].version != first[slug].version for slug in (SHOP, BANK)):
            beaten.set()
            break
        beaten.wait(0.01)
    one.end()
    assert beaten.is_set()


def test_a_stop_on_one_platform_stops_its_run_on_all_and_no_other(kube: Kube) -> None:
    ended, why = threading.Event(), list[str]()
    one = Holding(kube, "run-1", seen(ended, why))
    two = Holding(kube, "run-2", lambda said: None)
    one.take([SHOP, BANK])
    two.take(["mill"])
    assert lease.stop(kube, "enough", BANK) == ("run-1",)
    assert ended.wait(5)
    assert why == ["stopped: enough"]
    assert {slug: pulse.stopped for slug, pulse in lease.read(kube).items()} == {
        SHOP: "enough",
        BANK: "enough",
        "mill": None,
    }
    one.end()
    two.end()


def test_a_stop_of_everything_names_every_run(kube: Kube) -> None:
    assert lease.stop(kube, "enough") == ()
    lease.take(kube, SHOP, "run-1")
    lease.take(kube, BANK, "run-2")
    assert lease.stop(kube, "enough") == ("run-1", "run-2")


def test_a_run_that_lost_one_of_its_platforms_ends(kube: Kube) -> None:
    ended, why = threading.Event(), list[str]()
    one = Holding(kube, "run-1", seen(ended, why))
    one.take([SHOP, BANK])
    kube.patch(API, NAMESPACE, PREFIX + BANK, {"spec": {"holderIdentity": "run-2"}})
    assert ended.wait(5)
    assert "no longer holds the Lease of bank (found 'run-2')" in why[0]
    one.end()
    assert holders(kube) == {SHOP: "", BANK: "run-2"}


def test_a_stopped_platform_begins_anew_with_the_next_run(kube: Kube) -> None:
    lease.take(kube, SHOP, "run-1")
    lease.stop(kube, "enough")
    lease.release(kube, "run-1")
    lease.take(kube, SHOP, "run-2")
    assert lease.read(kube)[SHOP].stopped is None


def test_a_run_that_beats_is_alive_and_one_that_is_silent_is_not(kube: Kube) -> None:
    lease.take(kube, BANK, "run-2")
    one = Holding(kube, "run-1")
    one.take([SHOP])
    assert lease.alive(kube, {"run-1", "run-2", "run-3"}) == {"run-1"}
    one.end()
    assert lease.alive(kube, {"run-1"}) == frozenset()


@pytest.mark.parametrize("ignored", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_ends_whatever_signal_its_shell_ignores(
    ignored: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    other = signal.SIGTERM if ignored is signal.SIGINT else signal.SIGINT
    before = {number: signal.getsignal(number) for number in (ignored, other)}
    signal.signal(ignored, signal.SIG_IGN)
    signal.signal(other, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            lease.interrupt("stopped")
            time.sleep(1)
    finally:
        for number, answer in before.items():
            signal.signal(number, answer)
    assert capsys.readouterr().err == "rundrill: the run ends: stopped\n"
