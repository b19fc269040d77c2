"""The word that says which faults work on a target."""

import argparse
import textwrap
from pathlib import Path

from rundrill.cli_words import Words, add_word, target_of, target_options

WIDTH = 80


def preflight_words(words: Words) -> None:
    """Adds faults."""
    word = add_word(
        words, "faults", _faults, "say which faults of the catalogue work on a target, and why others do not"
    )
    word.add_argument("--runbook", metavar="SLUG", help="only for this runbook's platform")
    target_options(word)


def _faults(arguments: argparse.Namespace) -> int:
    from rundrill.preflight import possible
    from rundrill.session import open_session

    with open_session(arguments.policy, target_of(arguments), Path("reports"), disruptive=True) as session:
        slugs = [arguments.runbook] if arguments.runbook else list(session.target.entry.platforms)
        found = possible(session, [session.policy.runbook(slug).runbook for slug in slugs])
    for one in found:
        said = f"{'works' if one.works else 'NO   '}  {one.fault}{': ' if one.says else ''}{one.says}"
        print(textwrap.fill(said, WIDTH, subsequent_indent=" " * 9, break_on_hyphens=False))
    works = sum(one.works for one in found)
    print(f"{works} of {len(found)} faults work here; each node was looked at, nothing was broken")
    return 0
