"""What `increase()` does not see of counters, and which part of a window has samples: PromQL out of PromQL, pure."""

import re
from collections.abc import Callable
from datetime import timedelta

from rundrill.units import duration, duration_text

SLICES = 500
"""A window is looked at in at most so many slices."""
OUT_OF_SIGHT = timedelta(hours=1)
"""For so long at least a series is remembered that a gap in the samples hid."""
_CALL = re.compile(r"\bincrease\s*\(")
_RANGE = re.compile(r"(?P<series>.+?)\s*\[(?P<window>[0-9a-z]+)\]\s*", re.DOTALL)


def counted(expression: str) -> tuple[str, ...]:
    """The series selectors whose increase the expression takes, in order."""
    found: list[str] = []

    def noted(series: str, window: str) -> str:
        found.append(series)
        return ""

    _rewritten(expression, noted)
    return tuple(dict.fromkeys(found))


def with_births(expression: str) -> str:
    """The expression with each `increase(S[W])` made to count what a series born in the window came with.

    `increase` takes the first sample of a series for zero growth: the first failures of a kind are lost, and an
    objective looks better than it was. A series is born in the window when it had no sample in the window before,
    although its job answered a scrape then; its last value is then all that it counted, or `increase` where a restart
    has set it back. One that was seen still earlier, and whose own target answered no scrape since, was not born but out
    of sight, as when Prometheus was away: it counts what it gained. Without that answered scrape, such as in a young Prometheus, `increase` stands as it is.
    https://github.com/prometheus/prometheus/issues/3806
    """

    def born_too(series: str, window: str) -> str:
        earlier = f"[{window}] offset {window}"
        grown, last = f"increase({series}[{window}])", f"last_over_time({series}[{window}])"
        answered = f"max_over_time(up{earlier}) > 0"
        still_earlier = f"last_over_time({series}{_still_earlier(duration(window))})"
        gained = f"(({last} - {still_earlier} >= 0) unless on (job, instance) ({answered}) or {last})"
        born = f"(({grown} > {gained} or {gained}) unless last_over_time({series}{earlier}))"
        scraped = f"group by (job) ({answered})"
        return f"(({born} and on (job) {scraped}) or {grown})"

    return _rewritten(expression, born_too)


def _still_earlier(window: timedelta) -> str:
    return f"[{duration_text(max(window, OUT_OF_SIGHT))}] offset {duration_text(2 * window)}"


def slice_of(window: timedelta, scrape_interval: timedelta) -> timedelta:
    """How finely the coverage of a window is looked at: a scrape interval, or a 500th of the window if that is longer."""
    return timedelta(seconds=max(1, round(max(scrape_interval, window / SLICES).total_seconds())))


def coverage(series: str, window: timedelta, scrape_interval: timedelta) -> str:
    """How many slices of the window end within reach of a sample of any of the series.

    Within reach is a slice's length, or three scrape intervals where that is longer: two lost scrapes in a row are no gap.
    """
    step = slice_of(window, scrape_interval)
    reach = duration_text(max(step, 3 * scrape_interval))
    span = f"{duration_text(window)}:{duration_text(step)}"
    return f"count_over_time((group(count_over_time({series}[{reach}])))[{span}])"


def coverage_of_jobs(series: str, window: timedelta, scrape_interval: timedelta) -> str:
    """The same for each job that counted lately; a slice counts where an instance of the job answered a scrape, too.

    A job that counts for an objective must not fall out of it unseen: one that was there within the window and an hour,
    and answers no more, has 0.
    """
    step = slice_of(window, scrape_interval)
    reach = duration_text(max(step, 3 * scrape_interval))
    span = f"{duration_text(window)}:{duration_text(step)}"
    known = f"group by (job) (last_over_time({series}[{duration_text(window + OUT_OF_SIGHT)}]))"
    seen = f"group by (job) (count_over_time({series}[{reach}]) or max_over_time(up[{reach}]) > 0)"
    return f"(count_over_time(({seen})[{span}]) and on (job) {known}) or 0 * {known}"


def _rewritten(expression: str, change: Callable[[str, str], str]) -> str:
    """The expression with every `increase(S[W])` replaced by what `change(S, W)` gives."""
    out, rest = "", expression
    while call := _CALL.search(rest):
        end = _closing(rest, call.end())
        inner = _RANGE.fullmatch(rest[call.end() : end])
        new = change(inner["series"].strip(), inner["window"]) if inner else rest[call.start() : end + 1]
        out, rest = out + rest[: call.start()] + new, rest[end + 1 :]
    return out + rest


def _closing(text: str, start: int) -> int:
    """Where the parenthesis closes that was opened just before; strings are skipped."""
    depth, quote, place = 1, "", start
    while place < len(text):
        letter = text[place]
        if quote:
            place += letter == "\\"
            quote = "" if letter == quote else quote
        elif letter in "\"'`":
            quote = letter
        else:
            depth += {"(": 1, ")": -1}.get(letter, 0)
            if depth == 0:
                return place
        place += 1
    return len(text)
