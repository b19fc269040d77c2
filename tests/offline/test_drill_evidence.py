"""A drill's directory is read as it was left: what is not there is not filled in."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from game_day import ALERT, DRILL

from rundrill import hops
from rundrill.crowd import Crowd
from rundrill.drilled import drill_seen, seen_of
from rundrill.errors import NoEvidence
from rundrill.evidence import DrillSeen
from rundrill.judge.hops import way_of

BEGAN = datetime(2026, 1, 5, 10, tzinfo=UTC)


def left(tmp_path: Path, *stations: tuple[str, float]) -> DrillSeen:
    """The evidence of a drill of 100 s with one arrival a second, that noted these stations at these seconds."""
    (tmp_path / "journal.json").write_text(json.dumps({"status": "completed", "run": []}))
    plan = list(range(100))
    lines: list[dict[str, object]] = [{"crowd": "T", "began": BEGAN.timestamp(), "rate": 1, "plan": plan}]
    for offset in plan:
        at = BEGAN.timestamp() + offset
        lines.append({"planned": at, "route": "r", "started": at, "ended": at, "status": 200, "error": None})
    lines.append({"ended": BEGAN.timestamp() + 100})
    (tmp_path / "crowd.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for name, after in stations:
        hops.note(tmp_path, name, BEGAN + timedelta(seconds=after), "test", f"saw {name}")
    return drill_seen("x", tmp_path, Crowd(tmp_path / "crowd.jsonl").read(), (BEGAN, BEGAN))[0]


def test_the_load_is_cut_where_the_fault_was_injected_and_undone(tmp_path: Path) -> None:
    seen = left(tmp_path, ("injected", 20), ("fault_proven", 25), ("undone", 60))
    assert [(phase.name, phase.planned, phase.sent) for phase in seen.load] == [
        ("before", 20, 20),
        ("fault", 40, 40),
        ("after", 40, 40),
    ]


def test_a_drill_that_never_began_has_load_before_and_no_other(tmp_path: Path) -> None:
    assert [phase.name for phase in left(tmp_path).load] == ["before"]


def test_a_fault_that_nobody_proved_has_no_proof(tmp_path: Path) -> None:
    assert left(tmp_path, ("injected", 20), ("undone", 60)).proof is None


def test_a_fault_that_lapsed_before_its_undo_has_no_proof(tmp_path: Path) -> None:
    seen = left(tmp_path, ("injected", 20), ("fault_proven", 21), ("lapsed", 50), ("undone", 60))
    assert (seen.proof, way_of(seen).says("lapsed")) == (None, "saw lapsed")


def test_a_promise_sees_its_own_answers_and_not_those_of_others(tmp_path: Path) -> None:
    own, others = f"then:{DRILL.id}:0", "not-then:shop.procedure.other:0"
    whole = left(tmp_path, ("fault_proven", 21), (own, 30), (others, 31))
    assert [hop.name for hop in seen_of(DRILL, whole).hops] == ["fault_proven", own]
    assert way_of(whole).says(others) == f"saw {others}"


def test_an_undo_that_nobody_proved_is_not_told(tmp_path: Path) -> None:
    assert left(tmp_path, ("injected", 20), ("fault_proven", 21)).undone is None


def test_a_drill_whose_watch_was_blind_is_no_evidence(tmp_path: Path) -> None:
    with pytest.raises(NoEvidence, match="could not be watched"):
        left(tmp_path, ("injected", 20), ("fault_proven", 21), ("blind", 50), ("undone", 60))


@pytest.mark.parametrize(
    ("looks", "quiet"),
    [
        pytest.param([], None, id="nobody looked"),
        pytest.param([("quiet", 5.0)], True, id="quiet"),
        pytest.param([("not_quiet", 5.0)], False, id="not quiet"),
        pytest.param([("not_quiet", 5.0), ("quiet", 90.0)], False, id="quiet only afterwards"),
    ],
)
def test_only_the_look_before_the_fault_tells_whether_the_alert_was_quiet(
    tmp_path: Path, looks: list[tuple[str, float]], quiet: bool | None
) -> None:
    assert left(tmp_path, *looks).quiet_before is quiet


def test_words_between_rundrill_and_itself_are_no_stations(tmp_path: Path) -> None:
    seen = left(tmp_path, ("quiet", 5), ("injected", 20), ("fault_proven", 21), ("witness:pager", 40))
    assert [hop.name for hop in seen.hops] == ["fault_proven", "witness:pager"]


def test_a_hop_that_was_half_written_is_left_out(tmp_path: Path) -> None:
    hops.note(tmp_path, "pending", BEGAN, "test")
    with (tmp_path / hops.FILE).open("a") as file:
        file.write('{"name": "firi')
    assert [hop.name for hop, _ in hops.noted(tmp_path)] == ["pending"]


def test_each_alert_of_one_drill_has_stations_of_its_own(tmp_path: Path) -> None:
    left(tmp_path, ("injected", 20), ("fault_proven", 21), ("undone", 60))
    for of, after in ((ALERT.id, 30), ("shop.alert.other", 25)):
        hops.note(tmp_path, "firing", BEGAN + timedelta(seconds=after), "prometheus", of=of)
    whole = drill_seen("x", tmp_path, Crowd(tmp_path / "crowd.jsonl").read(), (BEGAN, BEGAN))[0]
    assert [hop.name for hop in whole.hops] == ["fault_proven", "firing", "firing", "undone"]
    assert way_of(seen_of(ALERT, whole)).after("firing") == timedelta(seconds=9)
    assert way_of(seen_of(DRILL, whole)).after("firing") == timedelta(seconds=4)


def test_a_drill_that_watches_two_alerts_wants_both_quiet_before(tmp_path: Path) -> None:
    hops.note(tmp_path, "quiet", BEGAN, "prometheus", of="shop.alert.one")
    hops.note(tmp_path, "not_quiet", BEGAN, "prometheus", of="shop.alert.two")
    assert left(tmp_path).quiet_before is False


def test_of_several_faults_the_last_undo_is_found(tmp_path: Path) -> None:
    for after in (10, 90, 50):
        hops.note(tmp_path, hops.UNDOING, BEGAN + timedelta(seconds=after), "ledger")

    found = hops.last(tmp_path, hops.UNDOING)

    assert found and found.at == BEGAN + timedelta(seconds=90)
    assert hops.last(tmp_path, "undone") is None
