"""What a crowd wrote down is counted by its plan, never by what it managed to send."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from rundrill.crowd import Crowd, instant
from rundrill.errors import NoEvidence
from rundrill.recovery import held

BEGAN = 1_700_000_000.0


def lines(
    tmp_path: Path, answers: list[dict[str, object] | None], ended: bool = True, step: float = 0.1
) -> Crowd:
    """A crowd's file with one arrival every 0.1 s; None leaves an arrival unwritten."""
    path = tmp_path / "crowd.jsonl"
    plan = [round(number * step, 4) for number in range(len(answers))]
    written: list[dict[str, object]] = [{"crowd": "Test", "began": BEGAN, "rate": 1 / step, "plan": plan}]
    for offset, answer in zip(plan, answers, strict=True):
        if answer is not None:
            planned = BEGAN + offset
            usual = {
                "route": "GET /x",
                "started": planned,
                "ended": planned + 0.05,
                "status": 200,
                "error": None,
            }
            written.append({"planned": planned} | usual | answer)
    written += [{"ended": BEGAN + len(answers) * step}] if ended else []
    path.write_text("".join(json.dumps(line) + "\n" for line in written))
    return Crowd(path).read()


GOOD: dict[str, object] = {}
BAD: dict[str, object] = {"status": 502, "error": "status 502"}
LOST: dict[str, object] = {"started": None, "ended": None, "status": None, "error": "lost: late"}


def test_a_phase_counts_what_was_planned_not_what_was_sent(tmp_path: Path) -> None:
    crowd = lines(tmp_path, [GOOD] * 5 + [LOST] * 3 + [BAD] * 2)
    phase = crowd.phase("fault", instant(BEGAN), instant(BEGAN + 1))
    assert (phase.planned, phase.sent, phase.failed) == (10, 7, 2)
    assert phase.failures == {"status 502": 2}


def test_arrivals_that_were_never_written_are_lost(tmp_path: Path) -> None:
    assert lines(tmp_path, [GOOD] * 6 + [None] * 4).lost() == 4


def test_latency_counts_from_the_planned_start(tmp_path: Path) -> None:
    late: dict[str, object] = {"started": BEGAN + 2, "ended": BEGAN + 2.05}
    crowd = lines(tmp_path, [late])
    assert crowd.phase("x", instant(BEGAN), instant(BEGAN + 1)).latency_s["max"] == pytest.approx(2.05)


def test_a_phase_without_arrivals_has_no_latency_at_all(tmp_path: Path) -> None:
    phase = lines(tmp_path, [GOOD]).phase("x", instant(BEGAN + 5), instant(BEGAN + 6))
    assert (phase.planned, phase.sent, phase.latency_s) == (0, 0, {})


def test_a_half_written_line_waits_for_its_other_half(tmp_path: Path) -> None:
    crowd = lines(tmp_path, [GOOD] * 2, ended=False)
    with crowd.path.open("a") as file:
        file.write('{"planned": 17000')
    assert len(crowd.read().arrivals) == 2
    with crowd.path.open("a") as file:
        file.write('00002.0, "route": "r", "started": 1, "ended": 2, "status": 200, "error": null}\n')
    assert len(crowd.read().arrivals) == 3


def test_a_missing_file_is_an_empty_crowd(tmp_path: Path) -> None:
    assert Crowd(tmp_path / "none").read().began is None


def test_only_whole_buckets_count(tmp_path: Path) -> None:
    crowd = lines(tmp_path, [GOOD] * 8 + [BAD] * 2 + [GOOD] * 15)
    assert crowd.good_per_bucket(timedelta(seconds=1)) == (8, 10)


def test_buckets_of_a_crowd_that_was_cut_short_are_no_evidence(tmp_path: Path) -> None:
    with pytest.raises(NoEvidence, match="did not finish"):
        lines(tmp_path, [GOOD] * 20, ended=False).good_per_bucket(timedelta(seconds=1))


@pytest.mark.parametrize(
    ("answers", "ended", "after"),
    [
        pytest.param([GOOD] * 30, True, 0.0, id="well from the beginning"),
        pytest.param([BAD] * 10 + [GOOD] * 20, True, 1.0, id="well after the last failure"),
        pytest.param([BAD] * 5 + [GOOD] * 5 + [BAD] + [GOOD] * 19, True, 1.1, id="a relapse starts anew"),
        pytest.param([BAD] * 10 + [GOOD] * 8, True, None, id="not well for long enough"),
        pytest.param([BAD] * 10 + [GOOD] * 5 + [None] * 15, True, None, id="the crowd went away"),
        pytest.param([BAD] * 10 + [GOOD, LOST] * 10, True, None, id="half of the crowd was lost"),
        pytest.param([BAD] * 30, True, None, id="never well"),
        pytest.param([GOOD] * 5 + [None] + [GOOD] * 24, False, None, id="an answer is still awaited"),
        pytest.param([], True, None, id="nobody came"),
    ],
)
def test_users_are_well_when_the_objective_held_for_a_while(
    tmp_path: Path, answers: list[dict[str, object] | None], ended: bool, after: float | None
) -> None:
    found = held(lines(tmp_path, answers, ended), instant(BEGAN), timedelta(seconds=1), 0.999)
    assert (None if found is None else found.since.timestamp() - BEGAN) == (
        None if after is None else pytest.approx(after)
    )


def test_slow_answers_are_not_well_where_the_objective_says_how_fast(tmp_path: Path) -> None:
    crowd = lines(tmp_path, [GOOD] * 30)
    second, fast, slow = timedelta(seconds=1), timedelta(milliseconds=60), timedelta(milliseconds=40)
    assert held(crowd, instant(BEGAN), second, 0.95, fast) is not None
    assert held(crowd, instant(BEGAN), second, 0.95, slow) is None
