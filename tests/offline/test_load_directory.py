"""What an earlier run of an experiment or a crowd left is no evidence of the next one."""

from pathlib import Path

from rundrill.measure.load import own_directory


def test_a_second_run_gets_a_directory_of_its_own(tmp_path: Path) -> None:
    first = own_directory(tmp_path, "peak")
    (first / "crowd.jsonl").write_text("{}\n")
    second = own_directory(tmp_path, "peak")
    assert [first.relative_to(tmp_path), second.relative_to(tmp_path)] == [
        Path("evidence/peak"),
        Path("evidence/peak-2"),
    ]
    assert not list(second.iterdir())
