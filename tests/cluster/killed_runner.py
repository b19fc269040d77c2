"""A runner that kills itself with SIGKILL at one step of one fault: `killed_runner.py DIRECTORY FAULT POINT`."""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench import POLICY, TARGET

from rundrill import child, ledger, standby
from rundrill.faults import undo as ending
from rundrill.session import Session, open_session

PLATFORM = "rundrill-test-kills"
"""Nobody's platform: what these runs disturb are namespaces of the tests' own."""
POINTS = (
    "before-ledger",
    "after-ledger",
    "after-inject",
    "in-the-middle",
    "before-undo",
    "after-undo",
    "before-close",
)


def die(*_: object, **__: object) -> Any:
    """As a machine that loses its power."""
    os.kill(os.getpid(), signal.SIGKILL)


def arm(point: str, fault: Any) -> None:
    """Puts the end of this process at that step."""
    opened, undone, closed = ledger.open_entry, fault.undo, ledger.close_entry
    steps: dict[str, Callable[[], None]] = {
        "before-ledger": lambda: setattr(ledger, "open_entry", die),
        "after-ledger": lambda: setattr(ledger, "open_entry", lambda *a: (opened(*a), die())[0]),
        "after-inject": lambda: setattr(ledger, "is_open", die),
        "in-the-middle": lambda: None,
        "before-undo": lambda: setattr(fault, "undo", die),
        "after-undo": lambda: setattr(fault, "undo", lambda *a: (undone(*a), die())[0]),
        "before-close": lambda: setattr(ledger, "close_entry", lambda *a: (die(), closed(*a))[1]),
    }
    steps[point]()


def main(directory: str, name: str, point: str, words: str) -> None:
    """Injects and undoes as an experiment does, and does not live to tell."""
    platforms = [PLATFORM]
    with open_session(POLICY, TARGET, Path(directory), True) as session, standby.at_work(session, platforms):
        print(session.run, flush=True)
        os.environ |= child.environment(session, Path(directory), name, platforms)
        _drill(session, name, point, json.loads(words))


def _drill(session: Session, name: str, point: str, words: dict[str, Any]) -> None:
    said = words.pop("inject")
    module = ledger._module(name)
    arm(point, module)
    # What shows that it bites needs a crowd; here only the steps count.
    module.until = lambda look, *_: "not looked at"  # type: ignore[attr-defined]
    getattr(module, said)(**words)
    if point == "in-the-middle":
        die()
    ending.undo_all()


if __name__ == "__main__":
    main(*sys.argv[1:])
