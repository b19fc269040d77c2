"""The command: each word is thin, and calls pytest or the engine."""

import argparse
import signal
import sys
from collections.abc import Sequence

from rundrill.cli_checks import check_words
from rundrill.cli_cluster import cluster_words
from rundrill.cli_faults import fault_words
from rundrill.cli_policy import policy_words
from rundrill.cli_preflight import preflight_words
from rundrill.errors import RundrillError
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
    check_words(words)
    fault_words(words)
    preflight_words(words)
    policy_words(words)
    return parser


if __name__ == "__main__":
    sys.exit(main())
