"""The words that end faults: stop, while a run is at work, and recover, once it is gone."""

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rundrill.cli_words import Words, add_word, target_of, target_options

STOPS_WITHIN = timedelta(seconds=10)


def fault_words(words: Words) -> None:
    """Adds stop and recover."""
    stop = add_word(words, "stop", _stop, "stop the run at work on a target: its faults are undone at once")
    recover = add_word(words, "recover", _recover, "undo every fault that the ledger still holds open")
    for word in (stop, recover):
        target_options(word)


def _stop(arguments: argparse.Namespace) -> int:
    from rundrill import lease, ledger
    from rundrill.errors import UndoError
    from rundrill.session import open_session
    from rundrill.waiting import until

    why = f"rundrill stop at {datetime.now(UTC):%H:%M:%S} UTC"
    with open_session(arguments.policy, target_of(arguments), Path("reports"), disruptive=True) as session:
        run = lease.stop(session.kube, why)
        if run is None:
            print("no run is at work")
        else:
            print(f"{run} was told to stop; its faults are undone from the cluster")
            if not until(lambda: not ledger.open_entries(session), STOPS_WITHIN):
                left = "; ".join(str(entry) for entry in ledger.open_entries(session))
                raise UndoError(f"still open after {STOPS_WITHIN.total_seconds():g} s: {left}")
        print(
            "the ledger holds no open fault" if not ledger.open_entries(session) else "see `rundrill recover`"
        )
    return 0


def _recover(arguments: argparse.Namespace) -> int:
    from rundrill import ledger
    from rundrill.session import open_session

    with open_session(arguments.policy, target_of(arguments), Path("reports"), disruptive=True) as session:
        undone = ledger.undo_all(session)
    print("\n".join(str(entry) for entry in undone) if undone else "the ledger holds no open fault")
    return 0
