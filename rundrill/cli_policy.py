"""The words that read: the policy, and what was measured of it before."""

import argparse
from pathlib import Path

from rundrill.cli_words import POLICY, Words, add_word, target_of, target_options
from rundrill.errors import TargetError


def policy_words(words: Words) -> None:
    """Adds lint, defects and report."""
    lint = add_word(words, "lint", _lint, "read the policy and list what is wrong with it; touches nothing")
    lint.add_argument("--policy", **POLICY)
    lint.add_argument("--budgets", action="store_true", help="show each objective's error budget too")
    defects = add_word(
        words, "defects", _defects, "show the runbooks' defects, each by running it in isolation"
    )
    defects.add_argument(
        "--only", action="append", default=[], metavar="ID", help="only this row (repeatable)"
    )
    defects.add_argument(
        "--runbook", action="append", default=[], metavar="SLUG", help="only this runbook's (repeatable)"
    )
    defects.add_argument("--json", action="store_true", help="for machines")
    defects.add_argument("--saved", action="store_true", help="what is on record; runs nothing")
    target_options(defects)
    report = add_word(words, "report", _report, "print the summary of a saved run again")
    report.add_argument(
        "path", nargs="?", default="latest", metavar="RUN", help="a folder of reports/ (default: latest)"
    )


def _lint(arguments: argparse.Namespace) -> int:
    from rundrill.lint import budgets, lint
    from rundrill.policy import load_policy

    findings = lint(arguments.policy)
    for finding in findings:
        print(finding)
    if arguments.budgets and not findings:
        print("\n".join(budgets(load_policy(arguments.policy))))
    return 2 if findings else 0


def _defects(arguments: argparse.Namespace) -> int:
    from rundrill.defects.telling import tell_defects

    return tell_defects(
        arguments.policy,
        target_of(arguments),
        only=tuple(arguments.only),
        runbooks=tuple(arguments.runbook),
        as_json=arguments.json,
        saved=arguments.saved,
        say=lambda line: print(line, flush=True),
    )


def _report(arguments: argparse.Namespace) -> int:
    from rundrill.report import read_summary

    path = Path(arguments.path)
    directory = path if path.exists() else Path("reports") / arguments.path
    if not (directory / "report.json").exists():
        raise TargetError(f"{directory}: no report.json there (try one of `ls reports`)")
    print("\n".join(read_summary(directory)))
    return 0
