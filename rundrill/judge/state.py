"""Whether every subject that a probe looked at is as promised."""

from rundrill.evidence import Reading, StateSeen
from rundrill.judge.expectations import Unreadable, broken, expected_text
from rundrill.judge.words import count_text, listed
from rundrill.promise import Promise, State
from rundrill.verdict import Outcome, Verdict


def judge_state(promise: Promise, seen: StateSeen) -> Verdict:
    """One fault found is MISSED; otherwise one fact not read is UNKNOWN; MET needs every fact of every subject."""
    state = promise.state
    assert state is not None
    outcome, reason = _finding(state, seen)
    return Verdict(promise.id, outcome, reason, _figures(state, seen))


def _finding(state: State, seen: StateSeen) -> tuple[Outcome, str]:
    if not state.expect:
        return Outcome.UNKNOWN, "the promise expects nothing, so nothing was proven"
    if not seen.readings:
        return Outcome.UNKNOWN, "there was nothing to look at"
    faults, gaps = _compare(state, seen)
    there = [reading for reading in seen.readings if reading.facts.get("found") is not False]
    wanted = 1 if state.subjects is None else state.subjects
    if not faults and len(there) < wanted and not _expects_absence(state):
        faults = [f"{len(there)} found, expected at least {wanted}"]
    if faults:
        return Outcome.MISSED, _summed(faults)
    if gaps:
        return Outcome.UNKNOWN, _summed(gaps)
    return Outcome.MET, _held(state, seen)


def _compare(state: State, seen: StateSeen) -> tuple[list[str], list[str]]:
    """All faults and all gaps, a line each."""
    faults: list[str] = []
    gaps: list[str] = []
    for reading in seen.readings:
        if reading.facts.get("found") is False and not _expects_absence(state):
            faults.append(f"{reading.subject} is not there")
            continue
        for fact in state.expect:
            _look(fact, state, reading, faults, gaps)
    return faults, gaps


def _look(fact: str, state: State, reading: Reading, faults: list[str], gaps: list[str]) -> None:
    name = reading.subject if fact == "value" else f"{reading.subject}: {fact}"
    if fact not in reading.facts:
        gaps.append(f"{name} was not read")
        return
    try:
        fault = broken(fact, state.expect[fact], reading.facts)
    except Unreadable as gap:
        gaps.append(f"{name} {gap}")
        return
    if fault:
        faults.append(f"{name} {fault}")


def _expects_absence(state: State) -> bool:
    wanted = state.expect.get("found")
    return wanted is not None and wanted.equals is False


def _summed(lines: list[str]) -> str:
    return lines[0] if len(lines) == 1 else f"{lines[0]}; and {len(lines) - 1} more: " + "; ".join(lines[1:4])


def _held(state: State, seen: StateSeen) -> str:
    facts = ", ".join(f"{fact} {expected_text(expectation)}" for fact, expectation in state.expect.items())
    if len(seen.readings) > 1:
        names = listed([reading.subject for reading in seen.readings], 3)
        return f"{count_text(len(seen.readings))} subjects ({names}): {facts}"
    (reading,) = seen.readings
    found = ", ".join(f"{fact} is {_brief(reading.facts[fact])}" for fact in state.expect)
    return f"{reading.subject}: {found}"


def _brief(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = f"{value:,.4g}" if isinstance(value, float) and abs(value) < 1e4 else str(value)
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."


def _figures(state: State, seen: StateSeen) -> dict[str, object]:
    return {
        "subjects": len(seen.readings),
        "expected": {fact: expected_text(expectation) for fact, expectation in state.expect.items()},
        "readings": [
            {
                "subject": reading.subject,
                **{
                    fact: reading.facts.get(fact)
                    for fact in ("found", *state.expect)
                    if fact in reading.facts
                },
            }
            for reading in seen.readings
        ],
    }
