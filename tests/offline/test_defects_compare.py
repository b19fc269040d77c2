"""A defect is shown only when each form did what is said, and the literal one not what the intended one should."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rundrill.defect import Defect, Numbers, ShellForms
from rundrill.defects import RowSeen, current, read_seen, save_seen
from rundrill.defects.compare import contradiction, facts_of, seen, verdict
from rundrill.defects.forms import promtool, question
from rundrill.defects.saved import FILE, digest
from rundrill.errors import NoEvidence
from rundrill.policy import load_policy

SHOP = load_policy(Path(__file__).parents[1] / "policies" / "good" / "slo.yaml")
ROWS = {row.id.partition(".")[2]: row for row in SHOP.defects}


def did(code: int = 0, stdout: str = "", stderr: str = "", late: bool = False) -> dict[str, object]:
    return facts_of({"exit": code, "stdout": stdout, "stderr": stderr, "took": 0.1, "timed_out": late})


FORMS = ShellForms(
    literal="copy",
    intended="copy --check",
    literal_gives={"exit": 0, "stdout": "done"},
    intended_gives={"exit": 1},
)


@pytest.mark.parametrize(
    ("literal", "intended", "why"),
    [
        pytest.param(did(0, "done"), did(1), None, id="as said"),
        pytest.param(did(1, "done"), did(1), "literal form did something else: exit is 1", id="no defect"),
        pytest.param(did(0, "done"), did(0), "intended form did something else: exit is 0", id="no mend"),
        pytest.param(did(0), did(1), "stdout is empty, expected done", id="silent"),
    ],
)
def test_both_forms_must_do_what_is_said(literal: dict, intended: dict, why: str | None) -> None:
    found = verdict(FORMS, literal, intended)
    assert (found is None) if why is None else (found is not None and why in found)


def test_a_form_that_does_what_the_other_should_shows_nothing() -> None:
    loose = FORMS.model_copy(
        update={
            "intended_gives": FORMS.literal_gives
            | {"lines": FORMS.literal_gives["exit"].model_copy(update={"equals": 1})}
        }
    )
    assert verdict(loose, did(0, "done"), did(0, "done")) == (
        "the literal form did what the intended one should: there is no difference"
    )


def test_lines_are_those_that_say_something() -> None:
    assert did(0, "one\n\ntwo\n")["lines"] == 2


def test_what_a_form_did_is_one_line() -> None:
    assert seen(did(1, "a\nb", "c")) == "ended with 1; stdout: a b; stderr: c"
    assert seen(did(0)) == "ended with 0, and wrote nothing"
    assert seen(did(124, late=True)) == "never ended, and wrote nothing"


@pytest.mark.parametrize(
    ("left", "must_be", "right", "unit", "words"),
    [
        pytest.param({"value": "4h"}, "<=", {"value": "43m"}, "time", ("left: 4 h", "right: 43 min"), id="a time"),
        pytest.param({"sum": ["600s", "30s", "10m"]}, "<=", {"value": "15m"}, "time", ("left: 20 min 30 s (10 min + 30 s + 10 min)", "right: 15 min"), id="a sum"),
        pytest.param({"product": [5, 20]}, "<=", {"value": 97}, "", ("left: 100 (5 × 20)", "right: 97"), id="a product"),
        pytest.param({"value": "5%"}, "<=", {"value": "0.1%"}, "share", ("left: 5 %", "right: 0.1 %"), id="a share"),
        pytest.param({"value": 0}, ">=", {"value": 1}, "", ("left: 0", "right: 1"), id="what nobody says"),
        pytest.param({"value": 4}, "<=", {"value": 4}, "", None, id="figures that agree"),
        pytest.param({"value": 4}, "=", {"value": 4}, "", None, id="figures that are the same"),
    ],
)  # fmt: skip
def test_figures_contradict_each_other_or_show_nothing(
    left: dict, must_be: str, right: dict, unit: str, words: tuple[str, str] | None
) -> None:
    numbers = Numbers.model_validate(
        {
            "left": {"says": "left", **left},
            "must_be": must_be,
            "right": {"says": "right", **right},
            "unit": unit,
        }
    )
    if words is None:
        with pytest.raises(NoEvidence, match="holds: no contradiction"):
            contradiction(numbers)
    else:
        assert contradiction(numbers) == words


def test_a_rule_that_never_fires_is_looked_at_after_every_interval() -> None:
    asked = promtool(ROWS["gone-never-fires"], "literal", "literal")["files"]["test.yaml"]
    assert asked.count("exp_samples") == 15


def test_the_rule_of_one_form_is_held_against_what_the_other_should_do() -> None:
    files = promtool(ROWS["gone-never-fires"], "literal", "intended")["files"]
    assert 'up{job="shop"} == 0\n' in files["rules.yaml"].replace("'", "")
    assert files["test.yaml"].count("exp_samples") == 2


def test_a_refused_redis_command_is_not_forgotten_by_the_next_one() -> None:
    row = ROWS["memory-of-nothing"].redis
    assert row
    script = question(row, "FLUSHALL ASYNC\nGET a")["form"]
    assert script.splitlines()[:2] == [
        "redis-cli -e FLUSHALL ASYNC || code=$?",
        "redis-cli -e GET a || code=$?",
    ]


def row_seen(row: Defect, shown: bool = True) -> RowSeen:
    at = datetime(2026, 11, 21, 9, tzinfo=UTC)
    return RowSeen(row.id, digest(row), shown, None if shown else "no", "a", "b", at, 0.5)


def test_a_record_is_kept_from_run_to_run(tmp_path: Path) -> None:
    first, second = list(ROWS.values())[:2]
    save_seen([row_seen(first), row_seen(second, shown=False)], tmp_path)
    save_seen([row_seen(second)], tmp_path)
    assert read_seen(tmp_path) == {first.id: row_seen(first), second.id: row_seen(second)}


def test_two_that_write_at_the_same_time_both_stand_on_record(tmp_path: Path) -> None:
    rows = [row_seen(row) for row in ROWS.values()]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda row: save_seen([row], tmp_path), rows))
    assert read_seen(tmp_path) == {row.id: row for row in rows}


def test_a_row_that_was_changed_since_counts_as_not_run(tmp_path: Path) -> None:
    row = ROWS["dump-hides-failure"]
    save_seen([row_seen(row)], tmp_path)
    changed = row.model_copy(update={"shell": FORMS})
    assert current([row], read_seen(tmp_path)) == {row.id: row_seen(row)}
    assert current([changed], read_seen(tmp_path)) == {}


def test_a_record_that_cannot_be_read_proves_nothing(tmp_path: Path) -> None:
    assert read_seen(tmp_path) == {}
    (tmp_path / FILE).write_text('{"rows": [{"id": "shop.x"}]}')
    assert read_seen(tmp_path) == {}
