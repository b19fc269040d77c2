"""`python -m rundrill.cluster up|down|status|kubeconfig`, until the command line has them."""

import sys

from rundrill.cluster import open_provider
from rundrill.errors import RundrillError


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


try:
    provider = open_provider("native")
    match sys.argv[1]:
        case "up":
            provider.up(_say)
        case "down":
            provider.down(_say)
        case "status":
            _say(repr(provider.status()))
        case "kubeconfig":
            _say(str(provider.kubeconfig()))
except RundrillError as problem:
    _say(str(problem))
    raise SystemExit(problem.exit_code) from None
