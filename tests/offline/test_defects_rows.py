"""Every defect of the runbooks is a row, and most of them are shown by running."""

from collections import Counter
from pathlib import Path

import pytest

from rundrill.defects import defect_rows
from rundrill.policy import load_policy
from rundrill.run import DefectSeen

ROOT = Path(__file__).parents[2]
OURS = load_policy(ROOT / "slo.yaml")
SHOP = load_policy(ROOT / "tests" / "policies" / "good" / "slo.yaml")


def test_each_of_the_189_defects_is_one_row() -> None:
    assert sorted(row.number for row in OURS.defects) == list(range(189))


def test_at_least_120_are_shown_by_running_and_no_more_than_70_by_numbers() -> None:
    ways = Counter(row.way for row in OURS.defects)
    assert ways["numbers"] <= 70, ways
    assert len(OURS.defects) - ways["numbers"] >= 120, ways


def test_a_row_says_what_is_said_what_is_shown_and_what_is_mended() -> None:
    for row in OURS.defects:
        assert len({row.says, row.shows, row.mended}) == 3, row.id
        for text in (row.says, row.shows, row.mended):
            assert len(text) <= 240, row.id
            assert not text.endswith("."), row.id


@pytest.mark.parametrize("row", [row for row in OURS.defects if row.way == "numbers"], ids=lambda row: row.id)
def test_figures_of_the_text_do_contradict_each_other(row, tmp_path: Path) -> None:
    (shown,) = (one for one in defect_rows(OURS, tmp_path, "kube://rundrill") if one.id == row.id)
    assert shown.shown, shown.why_not


def test_a_row_that_nobody_ran_is_not_shown(tmp_path: Path) -> None:
    rows = {row.id: row for row in defect_rows(SHOP, tmp_path, "kube://drill")}
    assert rows["shop.dump-hides-failure"].shown is None
    assert rows["shop.silent-in-a-drill"].shown is None
    assert rows["shop.more-connections-than-there-are"].shown


def test_what_a_drill_of_this_run_showed_stands_in_its_row(tmp_path: Path) -> None:
    seen = DefectSeen("silent", "shop.alert.down", "up == 0", "never held", "absent(up)", "fired", shown=True)
    rows = {row.id: row for row in defect_rows(SHOP, tmp_path, "kube://drill", [seen])}
    row = rows["shop.silent-in-a-drill"]
    assert (row.shown, row.literal_seen, row.intended_seen) == (True, "never held", "fired")
