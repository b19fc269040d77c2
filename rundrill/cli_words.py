"""What every word of the command is made with."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rundrill.examples import OF_EACH_COMMAND
from rundrill.schedule import AT_ONCE

POLICY: dict[str, Any] = {
    "type": Path,
    "default": Path("slo.yaml"),
    "metavar": "FILE",
    "help": "default: slo.yaml",
}

type Words = argparse._SubParsersAction[argparse.ArgumentParser]


def add_word(words: Words, name: str, run: Callable[..., int | None], says: str) -> argparse.ArgumentParser:
    """The parser of a new word; `run` gets its arguments and gives the exit status."""
    parser = words.add_parser(
        name,
        help=says,
        description=says[0].upper() + says[1:] + ".",
        epilog=OF_EACH_COMMAND.get(name),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def at_once_option(word: argparse.ArgumentParser) -> None:
    """Adds --at-once."""
    says = f"so many experiments side by side, where they are independent (default: {AT_ONCE})"
    word.add_argument("--at-once", type=int, default=AT_ONCE, metavar="N", help=says)


def target_options(word: argparse.ArgumentParser) -> None:
    """Adds --target, --context and --policy."""
    where = word.add_mutually_exclusive_group()
    where.add_argument("--target", default="kube://rundrill", metavar="URL", help="default: kube://rundrill")
    where.add_argument("--context", metavar="NAME", help="the same as --target kube://NAME")
    word.add_argument("--policy", **POLICY)


def target_of(arguments: argparse.Namespace) -> str:
    """The target's URL, however it was said."""
    return f"kube://{arguments.context}" if arguments.context else str(arguments.target)
