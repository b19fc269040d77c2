"""What an experiment asks before, during and after a fault: a question that was not answered proves nothing."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rundrill import child, conditions, hops
from rundrill.errors import NoEvidence
from rundrill.promise import Promise
from rundrill.verdict import Outcome

PROBE: dict[str, Any] = {"object": {"api": "v1/Node"}}
EXPECT: dict[str, Any] = {"ready": {"equals": True}}
HERE = {"runbook": "shop"}

type Answers = Callable[..., None]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Answers:
    """Says what the platform answers from now on; the last one is said again."""
    monkeypatch.setattr(child, "directory", lambda: tmp_path)

    def say(*outcomes: Outcome) -> None:
        left = list(outcomes)
        monkeypatch.setattr(
            conditions,
            "_asked",
            lambda question, configuration: (left.pop(0) if len(left) > 1 else left[0], "what was seen"),
        )

    return say


def stations(tmp_path: Path) -> list[str]:
    return [hop.name for hop, _ in hops.noted(tmp_path)]


def test_what_proves_a_fault_must_not_be_so_before_it(answers: Answers, tmp_path: Path) -> None:
    answers(Outcome.MISSED)
    assert conditions.not_yet(PROBE, EXPECT, HERE)
    answers(Outcome.MET)
    assert conditions.proven(PROBE, EXPECT, HERE) == "what was seen"
    assert stations(tmp_path) == ["not_yet", "fault_proven"]


@pytest.mark.parametrize("outcome", [Outcome.MET, Outcome.UNKNOWN])
def test_what_was_so_already_or_could_not_be_read_is_an_error_and_proves_nothing_later(
    answers: Answers, tmp_path: Path, outcome: Outcome
) -> None:
    answers(outcome)
    with pytest.raises(NoEvidence):
        conditions.not_yet(PROBE, EXPECT, HERE)
    answers(Outcome.MET)
    with pytest.raises(NoEvidence, match="nobody looked before"):
        conditions.proven(PROBE, EXPECT, HERE)
    assert stations(tmp_path) == []


def test_what_was_so_before_and_is_not_proves_the_fault(answers: Answers, tmp_path: Path) -> None:
    answers(Outcome.MET)
    assert conditions.is_so(PROBE, EXPECT, HERE)
    answers(Outcome.MISSED)
    assert conditions.no_longer(PROBE, EXPECT, HERE) == "what was seen"
    assert "fault_proven" in stations(tmp_path)


@pytest.mark.parametrize("later", [Outcome.MET, Outcome.UNKNOWN])
def test_what_is_still_so_or_cannot_be_read_proves_nothing(
    answers: Answers, tmp_path: Path, later: Outcome
) -> None:
    answers(Outcome.MET)
    conditions.is_so(PROBE, EXPECT, HERE)
    answers(later)
    with pytest.raises(NoEvidence, match="still so"):
        conditions.no_longer(PROBE, EXPECT, HERE, within="0s")
    assert "fault_proven" not in stations(tmp_path)


def test_another_question_than_the_steady_states_proves_nothing(answers: Answers) -> None:
    answers(Outcome.MET)
    conditions.is_so(PROBE, EXPECT, HERE)
    answers(Outcome.MISSED)
    with pytest.raises(NoEvidence, match="nobody looked before"):
        conditions.no_longer(PROBE, {"ready": {"equals": False}}, HERE)


@pytest.mark.parametrize(
    ("outcome", "over"), [(Outcome.MET, False), (Outcome.MISSED, True), (Outcome.UNKNOWN, True)]
)
def test_a_fault_lasts_only_while_it_is_seen_to(answers: Answers, outcome: Outcome, over: bool) -> None:
    answers(outcome)
    assert bool(conditions.no_more({"probe": PROBE, "expect": EXPECT}, HERE)) is over


def test_what_the_target_lacks_the_means_for_is_not_waited_for(
    answers: Answers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def promise(name: str, **more: object) -> Promise:
        then = [{"probe": PROBE, "expect": EXPECT}]
        drill = {"experiment": "lose-the-shop", "within": "5m", "then": then}
        words = {"id": f"shop.procedure.{name}", "says": "back", "source": "Tests", "gate": "must"}
        return Promise.model_validate(words | {"drill": drill} | more)

    policy = SimpleNamespace(promises=(promise("shop"), promise("page", needs=["internet"])))
    target = SimpleNamespace(entry=SimpleNamespace(capabilities=()))
    session = SimpleNamespace(policy=policy, target=target)
    monkeypatch.setattr(child, "session", lambda: session)
    monkeypatch.setattr(child, "experiment", lambda: "lose-the-shop")
    hops.note(tmp_path, "fault_proven", datetime.now(UTC), "crowd")
    answers(Outcome.MET)
    assert conditions.is_done(HERE) == ["what was seen"]
    target.entry.capabilities = ("internet",)
    assert conditions.is_done(HERE) == ["what was seen"] * 2
