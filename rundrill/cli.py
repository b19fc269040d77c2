"""The command: each word is thin, and calls pytest or the engine."""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rundrill.cli_cluster import cluster_words
from rundrill.cli_words import POLICY, Words, add_word
from rundrill.errors import RundrillError, TargetError
from rundrill.examples import OVERVIEW


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status of one command: 0 well, 1 missed, 2 wrong call or policy, 3 unknown, 4 undo failed."""
    # A reader such as `head` may close the pipe early; that is no error of ours.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments) or 0)
    except RundrillError as error:
        print(f"rundrill: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("rundrill: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rundrill",
        description="Drills that prove your runbooks.",
        epilog=OVERVIEW,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    cluster_words(words)
    _measuring_words(words)
    return parser


def _measuring_words(words: Words) -> None:
    lint = add_word(words, "lint", _lint, "read the policy and list what is wrong with it; touches nothing")
    lint.add_argument("--policy", **POLICY)
    gate = add_word(words, "gate", _gate, "run the read-only checks, for a release pipeline")
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
    recover = add_word(words, "recover", _recover, "undo every fault that the ledger still holds open")
    for word in (gate, gameday, drill, recover):
        _target_options(word)
    report = add_word(words, "report", _report, "print the summary of a saved run again")
    report.add_argument(
        "path", nargs="?", default="latest", metavar="RUN", help="a folder of reports/ (default: latest)"
    )


def _target_options(word: argparse.ArgumentParser) -> None:
    where = word.add_mutually_exclusive_group()
    where.add_argument("--target", default="kube://rundrill", metavar="URL", help="default: kube://rundrill")
    where.add_argument("--context", metavar="NAME", help="the same as --target kube://NAME")
    word.add_argument("--policy", **POLICY)


def _lint(arguments: argparse.Namespace) -> int:
    from rundrill.lint import lint

    findings = lint(arguments.policy)
    for finding in findings:
        print(finding)
    return 2 if findings else 0


def _gate(arguments: argparse.Namespace) -> int:
    return _checks(arguments, [])


def _gameday(arguments: argparse.Namespace) -> int:
    return _checks(arguments, ["--gameday", arguments.name])


def _drill(arguments: argparse.Namespace) -> int:
    return _checks(
        arguments, ["--disruptive", *(word for name in arguments.ids for word in ("--only", name))]
    )


def _target(arguments: argparse.Namespace) -> str:
    return f"kube://{arguments.context}" if arguments.context else str(arguments.target)


def _checks(arguments: argparse.Namespace, words: Sequence[str]) -> int:
    """The exit status of a run of the checks, in a folder of its own."""
    directory = own_folder(Path("reports"))
    command = [sys.executable, "-m", "pytest", "checks", "-q", "--no-header", "--target", _target(arguments)]
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


def _recover(arguments: argparse.Namespace) -> int:
    from rundrill import ledger
    from rundrill.session import open_session

    session = open_session(arguments.policy, _target(arguments), Path("reports"), disruptive=True)
    try:
        undone = ledger.undo_all(session)
    finally:
        session.close()
    print("\n".join(str(entry) for entry in undone) if undone else "the ledger holds no open fault")
    return 0


def _report(arguments: argparse.Namespace) -> int:
    from rundrill.report import read_summary

    path = Path(arguments.path)
    directory = path if path.exists() else Path("reports") / arguments.path
    if not (directory / "report.json").exists():
        raise TargetError(f"{directory}: no report.json there (try one of `ls reports`)")
    print("\n".join(read_summary(directory)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
