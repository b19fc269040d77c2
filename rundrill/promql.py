"""What can be said of a PromQL expression without a server: whether it parses, is the same as another, and how long it looks back."""

import re
from collections.abc import Callable
from datetime import timedelta

import promql_parser

from rundrill.units import duration, duration_text

syntax = promql_parser
"""The parser's own names for the parts of a tree, for whoever walks one."""

# Ranges stand in brackets and after `offset`; strings are matched first, so that a bracket inside one is left alone.
_TIMES = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)"""
    r"""|(?P<open>\[|\boffset\s+-?)(?P<first>[0-9a-z]+)(?P<colon>:)?(?P<second>[0-9a-z]+)?"""
)


# A selector without brackets of its own; any other counts as if its whole range did.
_LAST_TWO = re.compile(r"(\bi(?:rate|delta)\s*\([^\[\]()]*)\[[0-9a-z]+\]")


def fault_of(expression: str) -> str | None:
    """What is wrong with that expression in one line; None where it parses."""
    try:
        promql_parser.parse(expression)
    except ValueError as error:
        return " ".join(str(error).split())
    return None


def same(left: str, right: str) -> bool:
    """Whether two expressions are the same syntax tree, however they are spelled."""
    return _canonical(left) == _canonical(right)


def _canonical(expression: str) -> str:
    return " ".join(promql_parser.parse(expression).prettify().split())


def with_times(expression: str, change: Callable[[timedelta], timedelta]) -> str:
    """That expression with every range and offset changed, and not a letter else."""

    def rewritten(match: re.Match[str]) -> str:
        if match["string"] is not None:
            return match["string"]
        times = [duration_text(change(duration(match[name]))) for name in ("first", "second") if match[name]]
        return match["open"] + ":".join(times) + (":" if match["colon"] and not match["second"] else "")

    return _TIMES.sub(rewritten, expression)


def ranges(expression: str) -> tuple[timedelta, ...]:
    """Every range and offset of the expression, in order."""
    seen: list[timedelta] = []

    def noted(length: timedelta) -> timedelta:
        seen.append(length)
        return length

    with_times(expression, noted)
    return tuple(seen)


def longest_range(expression: str) -> timedelta:
    """The longest time that the expression looks back by a range or an offset; zero where it does not.

    `irate` and `idelta` look at the last two samples alone: their range says only how old those may be.
    """
    return max(ranges(_LAST_TWO.sub(r"\1", expression)), default=timedelta(0))


def shortest_range(expression: str) -> timedelta | None:
    """The shortest range or offset of the expression; None where it has none."""
    return min(ranges(expression), default=None)
