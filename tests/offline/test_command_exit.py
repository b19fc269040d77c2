"""What the command's exit status is made of: the run's own report, and how pytest ended."""

import json
from pathlib import Path

import pytest

from rundrill.cli_checks import exit_of, own_folder


@pytest.mark.parametrize(
    ("status", "said", "expected"),
    [
        pytest.param(0, 0, 0, id="all is well"),
        pytest.param(1, 0, 0, id="only a should-promise failed"),
        pytest.param(1, 1, 1, id="a must-promise is missed"),
        pytest.param(130, 4, 4, id="a fault may still be in place"),
        pytest.param(3, 0, 3, id="pytest broke after all verdicts"),
        pytest.param(-9, 0, 3, id="pytest was killed after its report"),
        pytest.param(0, None, 3, id="no report though pytest was content"),
        pytest.param(2, None, 2, id="no report, since the call was wrong"),
    ],
)
def test_the_report_and_pytest_must_both_be_content(
    tmp_path: Path, status: int, said: int | None, expected: int
) -> None:
    if said is not None:
        (tmp_path / "report.json").write_text(json.dumps({"summary": {"exit": said}}))
    assert exit_of(status, tmp_path) == expected


def test_two_runs_of_one_second_have_a_folder_each(tmp_path: Path) -> None:
    assert len({own_folder(tmp_path / "reports") for _ in range(2)}) == 2
