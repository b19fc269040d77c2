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
