"""The words about faults: plan beforehand, stop while a run is at work, recover once it is gone."""

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rundrill.cli_words import Words, add_word, at_once_option, target_of, target_options

if TYPE_CHECKING:
    from rundrill.ledger import Entry
    from rundrill.session import Session

STOPS_WITHIN = timedelta(seconds=10)


def fault_words(words: Words) -> None:
    """Adds plan, stop and recover."""
    planned = add_word(words, "plan", _plan, "say what a game day would touch, expect, take and cost")
    planned.add_argument(
        "name", nargs="?", default="first", metavar="NAME", help="an entry of `gamedays` (default: first)"
    )
    at_once_option(planned)
    stop = add_word(
        words, "stop", _stop, "stop the runs at work on a target: their faults are undone at once"
    )
    stop.add_argument("--runbook", metavar="SLUG", help="only the run at work on this runbook's platform")
    recover = add_word(words, "recover", _recover, "undo every open fault whose run is gone")
    for word in (planned, stop, recover):
        target_options(word)


def _plan(arguments: argparse.Namespace) -> int:
    from rundrill.errors import PolicyError
    from rundrill.plan import plan, whole
    from rundrill.session import open_session

    with open_session(arguments.policy, target_of(arguments), Path("reports"), disruptive=True) as session:
        known = session.policy.gamedays
        if arguments.name not in known:
            raise PolicyError(f"found no game day {arguments.name!r}, expected one of: {', '.join(known)}")
        planned = plan(session, known[arguments.name])
    for one in planned:
        print("\n".join(one.lines))
    print("\n".join(["", *whole(planned, arguments.at_once), "nothing was touched"]))
    return 2 if any(one.refused for one in planned) else 0


def _stop(arguments: argparse.Namespace) -> int:
    from rundrill import lease, ledger
    from rundrill.errors import UndoError
    from rundrill.session import open_session
    from rundrill.waiting import until

    why = f"rundrill stop at {datetime.now(UTC):%H:%M:%S} UTC"
    with open_session(arguments.policy, target_of(arguments), Path("reports"), disruptive=True) as session:
        slug = arguments.runbook and session.policy.runbook(arguments.runbook).runbook
        runs = lease.stop(session.kube, why, slug)
        for run in runs:
            print(f"{run} was told to stop; its faults are undone from the cluster")
        if not runs:
            print("no run is at work")
        elif not until(lambda: not _open_of(session, runs), STOPS_WITHIN):
            left = "; ".join(str(entry) for entry in _open_of(session, runs))
            raise UndoError(f"still open after {STOPS_WITHIN.total_seconds():g} s: {left}")
        print(
            "the ledger holds no open fault" if not ledger.open_entries(session) else "see `rundrill recover`"
        )
    return 0


def _open_of(session: "Session", runs: tuple[str, ...]) -> "list[Entry]":
    from rundrill import ledger

    return [entry for entry in ledger.open_entries(session) if entry.run in runs]


def _recover(arguments: argparse.Namespace) -> int:
    from rundrill import lease, ledger
    from rundrill.session import open_session

    with open_session(arguments.policy, target_of(arguments), Path("reports"), disruptive=True) as session:
        entries = ledger.open_entries(session)
        at_work = lease.alive(session.kube, {entry.run for entry in entries})
        undone = ledger.undo_all(session, lambda entry: entry.run not in at_work)
    for entry in entries:
        if entry.run in at_work:
            print(f"left alone: {entry}; its run is at work, and `rundrill stop` ends it")
    if undone or not entries:
        print("\n".join(map(str, undone)) or "the ledger holds no open fault")
    return 0
