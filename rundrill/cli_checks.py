"""The words that measure a target: gate, gameday, drill."""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rundrill.cli_words import Words, add_word, at_once_option, target_of, target_options


def check_words(words: Words) -> None:
    """Adds gate, gameday and drill."""
    gate = add_word(words, "gate", _gate, "run the read-only checks, for a release pipeline")
    gate.add_argument(
        "--only", action="append", default=[], metavar="ID", help="only this promise (repeatable)"
    )
    gate.add_argument(
        "--runbook", action="append", default=[], metavar="SLUG", help="only this runbook's (repeatable)"
    )
    gameday = add_word(words, "gameday", _gameday, "run a game day: faults under load, restores, report")
    gameday.add_argument(
        "name",
        nargs="?",
        default="first",
        metavar="NAME",
        help="an entry of slo.yaml's `gamedays` (default: first)",
    )
    drill = add_word(words, "drill", _drill, "run these experiments or promises, and nothing else")
    drill.add_argument("ids", nargs="+", metavar="ID", help="an experiment's name or a promise's id")
    for word in (gameday, drill):
        at_once_option(word)
    for word in (gate, gameday, drill):
        target_options(word)


def _gate(arguments: argparse.Namespace) -> int:
    chosen = [("--only", name) for name in arguments.only] + [
        ("--runbook", slug) for slug in arguments.runbook
    ]
    return _checks(arguments, [word for pair in chosen for word in pair])


def _gameday(arguments: argparse.Namespace) -> int:
    return _checks(arguments, ["--gameday", arguments.name, "--at-once", str(arguments.at_once)])


def _drill(arguments: argparse.Namespace) -> int:
    only = [word for name in arguments.ids for word in ("--only", name)]
    return _checks(arguments, ["--disruptive", "--at-once", str(arguments.at_once), *only])


def _checks(arguments: argparse.Namespace, words: Sequence[str]) -> int:
    """The exit status of a run of the checks, in a folder of its own."""
    directory = own_folder(Path("reports"))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "checks",
        "-q",
        "--no-header",
        "--target",
        target_of(arguments),
    ]
    command += ["--policy", str(arguments.policy), "--run-dir", str(directory), *words]
    return exit_of(_child(command), directory)


def own_folder(reports: Path) -> Path:
    """A folder by the time of day that no other run has; a report that lies there is then this run's."""
    while True:
        folder = reports / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            time.sleep(0.1)
        else:
            return folder


def exit_of(status: int, directory: Path) -> int:
    """What the run's own report says for the gate, where pytest ended well; its status where no report was written."""
    written = directory / "report.json"
    if not written.exists():
        with contextlib.suppress(OSError):
            directory.rmdir()
        return status or 3
    said = int(json.loads(written.read_text())["summary"]["exit"])
    # 1 is also pytest's word for a should-promise that failed; any other means that pytest itself broke.
    return said or (0 if status in (0, 1) else 3)


def _child(command: Sequence[str]) -> int:
    """The child's status; Ctrl-C reaches it through the terminal, and we wait for it to undo and report."""
    # A selection from outside would thin the gate without a word.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    process = subprocess.Popen(command, env={**inherited, "PYTHONUNBUFFERED": "1"})
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            print("rundrill: interrupted; undoing and writing the report", file=sys.stderr, flush=True)
