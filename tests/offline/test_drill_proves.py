"""An experiment proves the alert that it watches, under the crowd that was promised, and nothing else."""

import threading
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml
from game_day import ALERT, promise

from rundrill.errors import NoEvidence
from rundrill.measure import chaos
from rundrill.measure.chaos import mismatch
from rundrill.policy import load_policy
from rundrill.selection import names_of
from rundrill.session import Session

ROOT = Path(__file__).resolve().parents[2]
POLICY = load_policy(ROOT / "slo.yaml")
DRILL = promise(
    "procedure.drain", "users notice no drain", drill={"experiment": "drain", "under": "peak", "within": "5m"}
)


def experiment(*asked: tuple[str, str], crowd: str = "peak") -> dict[str, Any]:
    """An experiment whose activities ask these questions of these promises; the first is its gate."""
    steps = [{"provider": {"func": func, "arguments": {"id": of}}} for func, of in asked]
    gate = {"probes": steps[:1]}
    return {"configuration": {"crowd": crowd}, "steady-state-hypothesis": gate, "method": steps[1:]}


@pytest.mark.parametrize("path", sorted((ROOT / "experiments").glob("*.yaml")), ids=lambda path: path.stem)
def test_our_own_experiments_prove_what_they_are_named_for(path: Path) -> None:
    content = yaml.safe_load(path.read_text())
    for one in POLICY.promises:
        if path.stem in names_of(one):
            assert mismatch(one, content) is None


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        pytest.param(
            [("alert_is_quiet", ALERT.id), ("alert_arrives", ALERT.id), ("alert_resolves", ALERT.id)],
            None,
            id="this alert",
        ),
        pytest.param(
            [("alert_is_quiet", "shop.other"), ("alert_arrives", "shop.other")],
            "it watches shop.other",
            id="another alert",
        ),
        pytest.param(
            [("alert_is_quiet", "shop.other"), ("alert_arrives", ALERT.id)],
            f"it watches {ALERT.id}, shop.other",
            id="another alert's silence",
        ),
        pytest.param([("objective_is_met", "shop.slo.availability")], "it watches no alert", id="no alert"),
    ],
)
def test_an_alert_is_proven_where_it_is_watched(asked: list[tuple[str, str]], said: str | None) -> None:
    found = mismatch(ALERT, experiment(*asked))
    assert found is None if said is None else said in str(found)


def test_a_drill_is_proven_under_the_crowd_that_was_promised() -> None:
    assert mismatch(DRILL, experiment()) is None
    assert "runs under night, promised under peak" in str(mismatch(DRILL, experiment(crowd="night")))


def test_a_drill_that_names_no_crowd_is_proven_under_any() -> None:
    free = promise("procedure.drain", "it is drained", drill={"experiment": "drain", "within": "5m"})
    assert mismatch(free, experiment(crowd="night")) is None


def test_an_experiment_that_showed_nothing_is_not_run_again_for_its_other_promises(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = list[str]()

    def fails(name: str, session: Session) -> chaos.Drilled:
        runs.append(name)
        raise NoEvidence(f"{name}: the gate was not met")

    monkeypatch.setattr(chaos, "_run", fails)
    kept = SimpleNamespace(_lock=threading.Lock(), _answers={})
    kept.cached = partial(Session.cached, cast(Session, kept))
    for _ in range(2):
        with pytest.raises(NoEvidence, match="lose-it: the gate was not met"):
            chaos.run_experiment("lose-it", cast(Session, kept))
    assert runs == ["lose-it"]
