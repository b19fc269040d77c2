"""What of the ledger is whose: a run undoes its own experiment's faults, and begins beside those of other platforms."""

import re
from types import SimpleNamespace
from typing import cast

import pytest
from kube_in_memory import KubeInMemory

from rundrill import ledger
from rundrill.errors import TargetError
from rundrill.ledger import Of
from rundrill.session import Session

SHOP, BANK = Of("shop", "lose-the-shop"), Of("bank", "lose-the-bank")


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setattr(ledger, "ensure_namespace", lambda kube: None)
    monkeypatch.setattr(
        ledger, "_module", lambda fault: SimpleNamespace(undo=lambda session, undo: "as before")
    )
    return cast(Session, SimpleNamespace(kube=KubeInMemory(), run="run-1"))


def names(entries: list[ledger.Entry]) -> list[str]:
    return [entry.name for entry in entries]


def test_an_entry_tells_its_platform_its_experiment_and_whether_it_disturbs_others(session: Session) -> None:
    opened = ledger.open_entry(session, "drain", {"node": "a"}, Of("shop", "drain-a-node", alone=True))
    assert ledger.open_entries(session) == [opened]
    assert "drain-a-node on shop, run run-1" in str(opened)


@pytest.mark.parametrize("fault", ledger.FAULTS)
def test_every_fault_gives_its_entry_a_name_that_a_config_map_may_have(session: Session, fault: str) -> None:
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", ledger.open_entry(session, fault, {}).name)


def test_an_entry_of_an_older_version_is_still_read_and_refuses_every_run(session: Session) -> None:
    old = ledger.open_entry(session, "scale", {})
    assert ledger.open_entries(session)[0].of == Of()
    with pytest.raises(TargetError, match=f"{old.name}.*rundrill recover"):
        ledger.refuse_while_open(session, ["shop"])


@pytest.mark.parametrize(
    ("of", "platforms", "refused"),
    [
        (SHOP, ["shop"], True),
        (SHOP, ["bank"], False),
        (SHOP, ["bank", "shop"], True),
        (Of("shop", "drain-a-node", alone=True), ["bank"], True),
    ],
)
def test_a_run_is_refused_for_what_is_open_where_it_would_disturb(
    session: Session, of: Of, platforms: list[str], refused: bool
) -> None:
    ledger.open_entry(session, "scale", {}, of)
    session.run = "run-2"
    if refused:
        with pytest.raises(TargetError, match="the ledger holds"):
            ledger.refuse_while_open(session, platforms)
    else:
        ledger.refuse_while_open(session, platforms)


def test_its_own_experiments_that_are_underway_are_no_reason_to_refuse_but_others_runs_are(
    session: Session,
) -> None:
    ledger.open_entry(session, "scale", {}, SHOP)
    ledger.refuse_while_open(session, ["shop"], underway=["lose-the-shop"])
    with pytest.raises(TargetError):
        ledger.refuse_while_open(session, ["shop"], underway=["another"])
    session.run = "run-2"
    with pytest.raises(TargetError):
        ledger.refuse_while_open(session, ["shop"], underway=["lose-the-shop"])


def test_an_experiment_undoes_its_own_faults_and_nobody_elses(session: Session) -> None:
    mine = ledger.open_entry(session, "scale", {}, SHOP)
    beside = ledger.open_entry(session, "scale", {}, BANK)
    session.run = "run-2"
    others = ledger.open_entry(session, "scale", {}, SHOP)
    undone = ledger.undo_all(session, ledger.of_experiment("run-1", "lose-the-shop"))
    assert names(undone) == [mine.name]
    assert set(names(ledger.open_entries(session))) == {beside.name, others.name}


def test_by_hand_everything_is_undone(session: Session) -> None:
    ledger.open_entry(session, "scale", {}, SHOP)
    ledger.open_entry(session, "scale", {})
    assert len(ledger.undo_all(session)) == 2
    assert ledger.open_entries(session) == []
