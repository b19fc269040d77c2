"""A runner that kills itself with SIGKILL at one step of one fault: `killed_runner.py DIRECTORY POLICY SPACE ROW POINT`."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kill_rows import ROWS, Row
from workbench import TARGET

from rundrill import child, ledger, standby
from rundrill.faults import undo as ending
from rundrill.session import open_session


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
        "before-undo": lambda: setattr(fault, "undo", die),
        "after-undo": lambda: setattr(fault, "undo", lambda *a: (undone(*a), die())[0]),
        "before-close": lambda: setattr(ledger, "close_entry", lambda *a: (die(), closed(*a))[1]),
    }
    steps.get(point, lambda: None)()


def main(directory: str, policy: str, space: str, name: str, point: str) -> None:
    """Injects and undoes as an experiment does, and does not live to tell.

    The namespace is its own platform: beside it others may be at work.
    """
    row = ROWS[name]
    with (
        open_session(Path(policy), TARGET, Path(directory), True) as session,
        standby.at_work(session, [space]),
    ):
        print(session.run, flush=True)
        os.environ |= child.environment(session, Path(directory), name, [space])
        _drill(row, point, space)


def _drill(row: Row, point: str, space: str) -> None:
    module: Any = ledger._module(row.module)
    arm(point, module)
    if hasattr(module, "_bites"):
        # What shows that it bites needs a crowd; here only the steps count.
        module._bites = lambda *_: "not looked at"
    if row.module == "drain":
        # The node is cordoned for all, and only our own pods are sent away.
        every = module._movable
        module._movable = lambda *a: [pod for pod in every(*a) if pod["metadata"]["namespace"] == space]
    getattr(module, row.func)(**row.arguments(space))
    if point in ("before-undo", "after-undo", "before-close"):
        ending.undo_all()
    die()


if __name__ == "__main__":
    main(*sys.argv[1:])
