"""What a plan says of an experiment before it is run."""

import json
from datetime import timedelta
from pathlib import Path

import yaml

import rundrill.faults
from rundrill.foreseen import FORESEE
from rundrill.plan import Planned, whole
from rundrill.saved import last_time
from rundrill.schedule import Piece

ROOT = Path(__file__).resolve().parents[2]


def planned_of(
    name: str = "lose-the-shop",
    platform: str = "shop",
    alone: bool = False,
    touches: frozenset[str] = frozenset(),
) -> Planned:
    return Planned(
        experiment=name,
        title="The shop is lost",
        crowd="shoppers",
        touches=("scale to zero shop: Deployment web: 2 of 2", "  web-1", "  web-2"),
        refused=False,
        alerts=("ServiceDown",),
        lasts=timedelta(seconds=90.4),
        seen=True,
        cost={"shop.slo.availability": 0.0351},
        piece=Piece(name, platform, timedelta(seconds=90.4), alone, touches=touches),
    )


def test_a_plan_names_targets_alerts_time_and_cost() -> None:
    planned = planned_of()
    said = "\n".join(planned.lines)
    assert "lose-the-shop (took 1m30s): The shop is lost" in said
    assert "2 of 2" in said
    assert "alerts expected: ServiceDown" in said
    assert "at worst 3.5%" in said


def test_a_game_day_tells_its_chains_its_time_and_what_it_may_cost() -> None:
    day = [planned_of("a"), planned_of("b"), planned_of("c", "bank"), planned_of("d", alone=True)]
    assert list(whole(day, at_once=2)) == [
        "chain 1, shop (3m1s): a, b",
        "chain 2, bank (1m30s): c",
        "then alone (1m30s): d",
        "4 experiments in 2 chains, 2 at once: about 4m31s; the longest way through one platform and what must be alone take 4m31s",
        "at worst 14% of the error budget of shop.slo.availability",
    ]


def test_a_chain_that_keeps_the_others_of_its_platform_waiting_says_so() -> None:
    apart = [planned_of(name, touches=frozenset({f"shop/{name}"})) for name in "bc"]
    assert [line.partition(" (")[0] for line in whole([planned_of("a"), *apart], at_once=2)][:3] == [
        "chain 1, shop, to itself",
        "chain 2, shop",
        "chain 3, shop",
    ]


def test_the_time_is_that_of_the_newest_run_that_came_to_its_end(tmp_path: Path) -> None:
    for run, status, lasted in (("20270101", "completed", 61.5), ("20270102", "interrupted", 5.0)):
        folder = tmp_path / run / "evidence" / "x"
        folder.mkdir(parents=True)
        (folder / "journal.json").write_text(json.dumps({"status": status, "duration": lasted}))
    assert last_time(tmp_path, "x") == timedelta(seconds=61.5)
    assert last_time(tmp_path, "y") is None


def test_every_fault_of_our_experiments_can_be_foreseen() -> None:
    steps = [
        step.get("provider") or {}
        for file in (ROOT / "experiments").glob("*.yaml")
        for step in yaml.safe_load(file.read_text())["method"]
    ]
    faults = {
        f"{step['module'].rpartition('.')[2]}.{step['func']}"
        for step in steps
        if step.get("module", "").startswith(rundrill.faults.__name__) and step["func"] != "undo_all"
    }
    assert faults
    assert faults <= FORESEE.keys()
