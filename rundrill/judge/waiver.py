"""What a waiver makes of a verdict."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from rundrill.policy import Waiver
from rundrill.verdict import Outcome, Verdict


def waive(verdict: Verdict, waivers: Sequence[Waiver], today: date) -> Verdict:
    """The verdict as its waiver leaves it: only a miss is waived, until the day named, that day included."""
    waiver = next((waiver for waiver in waivers if waiver.promise == verdict.promise), None)
    if waiver is None:
        return verdict
    if today > waiver.expires:
        return _noted(verdict, f"its waiver expired on {waiver.expires} (approved by {waiver.approved_by})")
    if verdict.outcome is Outcome.MISSED:
        reason = f"{verdict.reason}; waived until {waiver.expires} by {waiver.approved_by}: {waiver.reason}"
        return replace(verdict, outcome=Outcome.WAIVED, reason=reason)
    if verdict.outcome is Outcome.MET:
        return _noted(verdict, f"its waiver is needless (until {waiver.expires}, by {waiver.approved_by})")
    return verdict


def _noted(verdict: Verdict, note: str) -> Verdict:
    return replace(verdict, notes=(*verdict.notes, note))
