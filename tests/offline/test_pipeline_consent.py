"""The emergency recovery begins only for somebody who says `y` to it."""

from io import StringIO

import app_sources  # noqa: F401 # makes `services` importable
import pytest
from services.pipeline.consent import confirmed


@pytest.mark.parametrize("answer", ["y\n", "Y\n", "y"])
def test_a_plain_yes_is_consent(answer: str) -> None:
    assert confirmed("Continue?", StringIO(answer))


@pytest.mark.parametrize("answer", ["n\n", "N\n", "\n", "", "yes\n", " y\n", "yy\n", "\ny\n"])
def test_any_other_answer_is_none(answer: str) -> None:
    assert not confirmed("Continue?", StringIO(answer))


def test_a_closed_input_is_none() -> None:
    assert not confirmed("Continue?", None)


def test_the_question_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    confirmed("Continue?", StringIO("n"))

    assert capsys.readouterr().err == "Continue? (y/N): "
