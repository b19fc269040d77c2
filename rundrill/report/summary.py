"""A report as lines for a terminal: what needs a person in full, the rest counted."""

import re
from collections import Counter
from textwrap import wrap
from typing import Any

from rundrill.judge.words import count_text, glued, time_text
from rundrill.report.attention import alike, cause_of
from rundrill.report.stations import passed

type Json = dict[str, Any]

_MARGIN = 9
MOST_GROUPS = 12
"""Causes that are told in full; the page tells all of them."""
MOST_ALIKE = 6
MOST_LINES = 6
MOST_TIMED = 12
_KINDS = {
    "objective": ("objective", "objectives"),
    "alert": ("alert", "alerts"),
    "state": ("state", "states"),
    "drill": ("drill", "drills"),
    "restore": ("restore", "restores"),
    "capacity": ("capacity", "capacities"),
    "attestation": ("attestation", "attestations"),
}


def summary_of(report: Json, width: int = 80, path: str = "") -> list[str]:
    """The lines of a report document, none wider than the terminal where words allow it."""
    promises = report["promises"]
    lines: list[str] = []
    groups = alike(promises)
    for group in groups[:MOST_GROUPS]:
        lines += _in_full(group, width)
    if rest := [promise for group in groups[MOST_GROUPS:] for promise in group]:
        must = sum(promise["gate"] == "must" for promise in rest)
        lines += _wrapped(f"and {len(rest)} more, {must} of which must hold: see the report", width, 0)
    timed = [promise for promise in promises if promise["verdict"] == "MET" and figures(promise)]
    for promise in timed if len(timed) <= MOST_TIMED else ():
        lines += [f"{'MET':<{_MARGIN}}{promise['id']}", *_wrapped(figures(promise), width)]
    lines += _counted(promises, width)
    return [*lines, *_by_runbook(report, width), "", *_last(report, width, path)]


def figures(promise: Json) -> str:
    """What was timed: a drill's four figures or a restore's two; empty for the other kinds."""
    measured = promise["measured"]
    words = {
        "detected_after_s": "detected after {}",
        "notified_after_s": "notified after {}",
        "recovered_after_s": "users well after {}",
        "resolved_after_s": "resolved {} after the undo",
        "rto_s": "restored in {}",
        "rpo_s": "{} of writes lost",
    }
    said = [
        text.format(time_text(measured[name]))
        for name, text in words.items()
        if measured.get(name) is not None
    ]
    if measured.get("rows_compared"):
        said.append(f"{count_text(measured['rows_compared'])} rows compared")
    return _dotted(said)


def way(promise: Json) -> str:
    """A drill's hops in one line."""
    return _dotted([f"{one.words} {one.when}" for one in passed(promise["measured"].get("hops", ()))])


def _dotted(parts: list[str]) -> str:
    """The parts in one line that breaks between them only."""
    return " · ".join(part.replace(" ", "\u00a0") for part in parts)


def _in_full(group: list[Json], width: int) -> list[str]:
    """Their ids, and the one reason they share."""
    lines = [f"{group[0]['verdict']:<{_MARGIN}}{group[0]['id']}"]
    lines += [" " * _MARGIN + promise["id"] for promise in group[1:MOST_ALIKE]]
    lines += [" " * _MARGIN + f"and {len(group) - MOST_ALIKE} more"] if len(group) > MOST_ALIKE else []
    lines += [*_wrapped(cause_of(group), width, most=MOST_LINES), *_wrapped(way(group[0]), width)]
    for note in dict.fromkeys(note for promise in group for note in promise["notes"]):
        lines += _wrapped(note, width)
    return lines


def _wrapped(text: str, width: int, margin: int = _MARGIN, most: int | None = None) -> list[str]:
    indent = " " * margin
    text = "".join(letter if letter.isprintable() or letter == "\u00a0" else " " for letter in text)
    text = glued(re.sub(r"[ \t]+", " ", text).strip())
    lines = wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        max_lines=most,
        placeholder=" …",
    )
    return [line.replace("\u00a0", " ") for line in lines]


def _counted(promises: list[Json], width: int) -> list[str]:
    """How many are MET, by kind, and how many were not run, by cause."""
    lines = []
    met = Counter(promise["kind"] for promise in promises if promise["verdict"] == "MET")
    left = Counter(promise.get("because") for promise in promises if promise["verdict"] == "NOT RUN")
    for verdict, parts in (
        ("MET", [f"{count} {_KINDS[kind][count != 1]}" for kind, count in met.items()]),
        ("NOT RUN", [f"{left[cause]} {says}" for cause, says in _CAUSES.items() if left[cause]]),
    ):
        block = _wrapped(_dotted(parts), width)
        lines += [f"{verdict:<{_MARGIN}}{block[0].strip()}", *block[1:]] if block else []
    return lines


_CAUSES = {
    "disruptive": "without leave to disturb",
    "planned": "awaiting an experiment",
    "capability": "lacking a capability",
    "unasked": "not asked for",
    None: "for another reason",
}


def _by_runbook(report: Json, width: int) -> list[str]:
    """One line a runbook, where there are several and it was asked for."""
    books = [one for one in report.get("runbooks", ()) if one["not_run_because"]["unasked"] < one["promises"]]
    if len(books) < 2:
        return []
    name = max(len(one["runbook"]) for one in books)
    return ["", *(_book(one, name)[:width] for one in books)]


def _book(one: Json, name: int) -> str:
    words = (
        ("met", "met"),
        ("missed", "missed"),
        ("unknown", "unknown"),
        ("waived", "waived"),
        ("not_run", "not run"),
    )
    counts = ", ".join(f"{one[key]} {word}" for key, word in words if one[key])
    return f"{one['runbook']:<{name}} {one['promises']:>4}: {counts}"


def _last(report: Json, width: int, path: str) -> list[str]:
    run, total = report["run"], report["summary"]
    counts = f"{total['promises']} promises: {total['met']} met, {total['missed']} missed, {total['unknown']} unknown"
    where = f"{run['target']} in {time_text(run['took_s'])}"
    paced = f", {run['profile']['note']}" if run["profile"]["note"] else ""
    lines = [
        *_wrapped(f"{counts}, {total['waived']} waived, {total['not_run']} not run", width, margin=0),
        *_wrapped(where + paced, width, margin=0),
        *_wrapped(f"gate: {_gate(total)}{_part(report)}", width, margin=0),
    ]
    return [*lines, path] if path else lines


def _part(report: Json) -> str:
    """That the gate speaks of a part only, where others were not asked for."""
    unasked = sum(one["not_run_because"]["unasked"] for one in report.get("runbooks", ()))
    return (
        f" (of the {report['summary']['promises'] - unasked} promises that were asked for)" if unasked else ""
    )


def _gate(total: Json) -> str:
    unknown = "a must-promise is unknown" if total["unknown"] else "nothing was measured"
    return {
        "passes": "passes",
        "blocked": "blocked, a must-promise is missed",
        "unknown": f"does not pass, {unknown}",
        "undo failed": "undo failed: a fault may still be in place, run `rundrill recover`",
        "interrupted": "interrupted",
    }[total["gate"]]
