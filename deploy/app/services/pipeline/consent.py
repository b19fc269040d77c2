"""The word that a dangerous procedure waits for."""

from __future__ import annotations

import sys
from typing import TextIO


def confirmed(question: str, answers: TextIO | None) -> bool:
    """Whether somebody said `y` or `Y`; silence, a closed input and every other word is a no."""
    sys.stderr.write(f"{question} (y/N): ")
    return answers is not None and answers.readline().rstrip("\n") in ("y", "Y")
