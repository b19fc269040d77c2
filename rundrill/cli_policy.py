"""The words that read: the policy, and what was measured of it before."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

from rundrill.cli_words import POLICY, Words, add_word, target_of, target_options
from rundrill.errors import TargetError


def policy_words(words: Words) -> None:
    """Adds lint, defects, coverage and report."""
    lint = add_word(words, "lint", _lint, "read the policy and list what is wrong with it; touches nothing")
    lint.add_argument("--policy", **POLICY)
    lint.add_argument("--budgets", action="store_true", help="show each objective's error budget too")
    _defect_words(words)
    _coverage_words(words)
    report = add_word(words, "report", _report, "print the summary of a saved run again")
    report.add_argument(
        "path", nargs="?", default="latest", metavar="RUN", help="a folder of reports/ (default: latest)"
    )


def _defect_words(words: Words) -> None:
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


def _coverage_words(words: Words) -> None:
    coverage = add_word(
        words, "coverage", _coverage, "say how much of the runbooks is promised, and measured here"
    )
    coverage.add_argument(
        "--runbook", action="append", default=[], metavar="SLUG", help="only these (repeatable)"
    )
    coverage.add_argument(
        "--list", action="store_true", help="name each promise that is not met here, and why"
    )
    coverage.add_argument("--json", action="store_true", help="for machines")
    target_options(coverage)


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
    from rundrill.defects import telling
    from rundrill.policy import load_policy

    rows = telling.asked_rows(load_policy(arguments.policy), arguments.only, arguments.runbook)
    say = _silent if arguments.json else _say
    if arguments.saved:
        telling.tell_saved(rows, say)
    else:
        telling.run_rows(arguments.policy, target_of(arguments), rows, say)
    total, status = telling.conclude(rows)
    print(telling.as_json(rows) if arguments.json else total)
    return status


def _say(line: str) -> None:
    print(line, flush=True)


def _silent(line: str) -> None:
    """A document for machines has no other lines."""


def _coverage(arguments: argparse.Namespace) -> int:
    from rundrill.coverage import coverage
    from rundrill.coverage_text import coverage_document, coverage_lines
    from rundrill.policy import load_policy
    from rundrill.saved import newest_verdicts
    from rundrill.target import entry_of

    policy, target = load_policy(arguments.policy), target_of(arguments)
    runbooks = [policy.runbook(slug) for slug in arguments.runbook] or list(policy.runbooks)
    saved = newest_verdicts(Path("reports"), target)
    rows = coverage(runbooks, entry_of(target, policy).capabilities, saved)
    if arguments.json:
        print(json.dumps(coverage_document(rows, runbooks), indent=1, ensure_ascii=False))
    else:
        print("\n".join(coverage_lines(rows, runbooks, datetime.now(UTC), arguments.list)))
    return 1 if any(len(one.promises) < (one.clauses or 0) for one in runbooks) else 0


def _report(arguments: argparse.Namespace) -> int:
    from rundrill.report import read_summary

    path = Path(arguments.path)
    directory = path if path.exists() else Path("reports") / arguments.path
    if not (directory / "report.json").exists():
        raise TargetError(f"{directory}: no report.json there (try one of `ls reports`)")
    print("\n".join(read_summary(directory)))
    return 0
