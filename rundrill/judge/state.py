"""Whether every subject that a probe looked at is as promised."""

from itertools import zip_longest

from rundrill.evidence import Reading, StateSeen
from rundrill.judge.expectations import Unreadable, broken, expected_text
from rundrill.judge.words import count_text, listed
from rundrill.promise import Promise, Question
from rundrill.verdict import Outcome, Verdict


def judge_state(promise: Promise, seen: StateSeen) -> Verdict:
    """One fault found is MISSED; otherwise one fact not read is UNKNOWN; MET needs every fact of every subject."""
    state = promise.state
    assert state is not None
    asked = [(state, seen), *zip_longest(state.also, seen.also)]
    findings = [_finding(question, one) for question, one in asked]
    figures = [_figures(question, one) for question, one in asked if question and one]
    also = {"also": figures[1:]} if figures[1:] else {}
    return Verdict(promise.id, *worst(findings), figures[0] | also)


def worst(findings: list[tuple[Outcome, str]]) -> tuple[Outcome, str]:
    """The outcome that all questions come to, and the reasons of those that came to it."""
    for outcome in (Outcome.MISSED, Outcome.UNKNOWN):
        if reasons := [reason for found, reason in findings if found is outcome]:
            return outcome, "; ".join(reasons)
    return Outcome.MET, "; ".join(reason for _, reason in findings)


def judge_question(question: Question, seen: StateSeen) -> tuple[Outcome, str]:
    """What one question comes to, and why."""
    return _finding(question, seen)


def _finding(question: Question | None, seen: StateSeen | None) -> tuple[Outcome, str]:
    if question is None or seen is None:
        return Outcome.UNKNOWN, "a question of the promise was not asked"
    if not question.expect:
        return Outcome.UNKNOWN, "the promise expects nothing, so nothing was proven"
    if seen.gap is not None:
        return Outcome.UNKNOWN, seen.gap
    if not seen.readings:
        return Outcome.UNKNOWN, "there was nothing to look at"
    faults, gaps = _compare(question, seen)
    there = [reading for reading in seen.readings if reading.facts.get("found") is not False]
    wanted = 1 if question.subjects is None else question.subjects
    if not faults and len(there) < wanted and not _expects_absence(question):
        faults = [f"{len(there)} found, expected at least {wanted}"]
    if faults:
        return Outcome.MISSED, _summed(faults)
    if gaps:
        return Outcome.UNKNOWN, _summed(gaps)
    return Outcome.MET, _held(question, seen)


def _compare(question: Question, seen: StateSeen) -> tuple[list[str], list[str]]:
    """All faults and all gaps, a line for each subject."""
    faults: list[str] = []
    gaps: list[str] = []
    for reading in seen.readings:
        if reading.facts.get("found") is False and not _expects_absence(question):
            faults.append(f"{reading.subject} is not there")
            continue
        wrong, unread = _look(question, reading)
        faults += [_of(reading, wrong)] if wrong else []
        gaps += [_of(reading, unread)] if unread else []
    return faults, gaps


def _look(question: Question, reading: Reading) -> tuple[list[str], list[str]]:
    """What is wrong with one subject, and what could not be read of it."""
    wrong: list[str] = []
    unread: list[str] = []
    for fact, expectation in question.expect.items():
        name = "" if fact == "value" else f"{fact} "
        if fact not in reading.facts:
            unread.append(f"{name}was not read")
            continue
        try:
            fault = broken(fact, expectation, reading.facts)
        except Unreadable as gap:
            unread.append(f"{name}{gap}")
            continue
        wrong += [f"{name}{fault}"] if fault else []
    return wrong, unread


def _of(reading: Reading, lines: list[str]) -> str:
    """`node-a: ready is false, expected true`; the fact `value` is the subject itself: `shared_buffers is 128MB`."""
    value = len(lines) == 1 and lines[0].startswith(("is ", "was ", "has ", "cannot "))
    return f"{reading.subject}{'' if value else ':'} {', and '.join(lines)}"


def _expects_absence(question: Question) -> bool:
    wanted = question.expect.get("found")
    return wanted is not None and wanted.equals is False


def _summed(lines: list[str]) -> str:
    """The first three, and how many more there are."""
    more = f"; and {len(lines) - 3} more" if len(lines) > 3 else ""
    return "; ".join(lines[:3]) + more


def _held(question: Question, seen: StateSeen) -> str:
    facts = ", ".join(f"{fact} {expected_text(expectation)}" for fact, expectation in question.expect.items())
    if len(seen.readings) > 1:
        names = listed([reading.subject for reading in seen.readings], 3)
        return f"{count_text(len(seen.readings))} subjects ({names}): {facts}"
    (reading,) = seen.readings
    found = ", ".join(f"{fact} is {_brief(reading.facts[fact])}" for fact in question.expect)
    return f"{reading.subject}: {found}"


def _brief(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = f"{value:,.4g}" if isinstance(value, float) and abs(value) < 1e4 else str(value)
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."


def _figures(question: Question, seen: StateSeen) -> dict[str, object]:
    return {
        "subjects": len(seen.readings),
        "expected": {fact: expected_text(expectation) for fact, expectation in question.expect.items()},
        "readings": [
            {
                "subject": reading.subject,
                **{
                    fact: reading.facts.get(fact)
                    for fact in ("found", *question.expect)
                    if fact in reading.facts
                },
            }
            for reading in seen.readings
        ],
    }
