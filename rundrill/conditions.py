"""What an experiment asks of the platform itself, in the words of a state promise: before, during and after."""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rundrill import child, hops
from rundrill.errors import NoEvidence, PolicyError, TargetError
from rundrill.judge.state import judge_question
from rundrill.measure import ask
from rundrill.promise import Question
from rundrill.units import duration
from rundrill.verdict import Outcome
from rundrill.waiting import until

STEADY_WITHIN = timedelta(seconds=60)
EVERY = timedelta(seconds=1)
SLACK = timedelta(seconds=30)


def is_so(
    probe: Mapping[str, Any],
    expect: Mapping[str, Any],
    configuration: Mapping[str, Any],
    subjects: int | None = None,
) -> bool:
    """Whether it is so, for a steady state; waits a minute for it."""
    question = _question(probe, expect, subjects)
    found = until(lambda: _met(question, configuration), STEADY_WITHIN, EVERY)
    if found:
        hops.note(child.directory(), _was_so(question), datetime.now(UTC), "platform", found)
    return bool(found)


def not_yet(
    probe: Mapping[str, Any],
    expect: Mapping[str, Any],
    configuration: Mapping[str, Any],
    subjects: int | None = None,
) -> bool:
    """True where what shall prove the fault is not so before it; NoEvidence where it is, or the question is not answered."""
    outcome, why = _asked(_question(probe, expect, subjects), configuration)
    if outcome is Outcome.UNKNOWN:
        raise NoEvidence(f"before the fault, its proof could not be looked for: {why}")
    if outcome is Outcome.MET:
        # Raised and not only told: in the middle of a method nobody asks whether a probe said no.
        raise NoEvidence(f"what shall prove the fault is so before it already: {why}")
    hops.note(child.directory(), "not_yet", datetime.now(UTC), "platform", why)
    return True


def proven(
    probe: Mapping[str, Any],
    expect: Mapping[str, Any],
    configuration: Mapping[str, Any],
    subjects: int | None = None,
    within: str = "60s",
) -> str:
    """What showed that the fault bites; NoEvidence where it did not in time, or where it was so before already."""
    if not hops.reached(child.directory(), "not_yet"):
        raise NoEvidence("nobody looked before the fault whether its proof was there already (not_yet)")
    question = _question(probe, expect, subjects)
    found = until(lambda: _met(question, configuration), duration(within), EVERY)
    if not found:
        raise NoEvidence(f"not proven within {within}: {_asked(question, configuration)[1]}")
    hops.note(child.directory(), "fault_proven", datetime.now(UTC), "platform", found)
    return found


def seen(
    probe: Mapping[str, Any],
    expect: Mapping[str, Any],
    configuration: Mapping[str, Any],
    subjects: int | None = None,
    within: str = "60s",
) -> str:
    """What was seen once it was so; NoEvidence where it never was in time.

    For a step in the middle of a method, where Chaos Toolkit asks no tolerance and `is_so` would let all pass.
    """
    question = _question(probe, expect, subjects)
    found = until(lambda: _met(question, configuration), duration(within), EVERY)
    if not found:
        raise NoEvidence(f"not so within {within}: {_asked(question, configuration)[1]}")
    return found


def no_longer(
    probe: Mapping[str, Any],
    expect: Mapping[str, Any],
    configuration: Mapping[str, Any],
    subjects: int | None = None,
    within: str = "60s",
) -> str:
    """What showed that the fault bites: what was so in the steady state (`is_so`, the same words) is read as not so."""
    question = _question(probe, expect, subjects)
    if not hops.reached(child.directory(), _was_so(question)):
        raise NoEvidence("nobody looked before the fault whether it was so (is_so, in the same words)")
    found = until(lambda: _missed(question, configuration), duration(within), EVERY)
    if not found:
        raise NoEvidence(f"still so {within} later: {_asked(question, configuration)[1]}")
    hops.note(child.directory(), "fault_proven", datetime.now(UTC), "platform", found)
    return found


def no_more(question: Mapping[str, Any], configuration: Mapping[str, Any]) -> str | None:
    """Why a question (probe, expect, subjects) is no longer answered with yes; None where it is."""
    asked = _question(question["probe"], question["expect"], question.get("subjects"))
    outcome, why = _asked(asked, configuration)
    return None if outcome is Outcome.MET else why


def stays(
    probe: Mapping[str, Any],
    expect: Mapping[str, Any],
    lasts: str,
    configuration: Mapping[str, Any],
    subjects: int | None = None,
    paced: bool = True,
) -> str:
    """What was seen each time it was asked for so long, in the profile's time where it is paced; NoEvidence at the first no."""
    question = _question(probe, expect, subjects)
    length = duration(lasts)
    ends = datetime.now(UTC) + (child.session().profile.pace(length) if paced else length)
    while True:
        outcome, why = _asked(question, configuration)
        if outcome is not Outcome.MET:
            raise NoEvidence(f"it did not stay so: {why}")
        if datetime.now(UTC) >= ends:
            return why
        time.sleep(EVERY.total_seconds())


def is_done(configuration: Mapping[str, Any]) -> list[str]:
    """What the promises of this experiment say must be so when it is done, each noted when it was first seen."""
    wanted = dict(_wanted())
    if not wanted:
        raise PolicyError(f"no promise says what must be so after {child.experiment()!r}")
    if not hops.reached(child.directory(), "fault_proven"):
        raise NoEvidence("no fault was proven and no procedure has begun: there is nothing to wait for")
    deadline = max(within for _, within in wanted.values()) + SLACK
    said: dict[str, str] = {}
    until(lambda: _look(wanted, said, configuration), deadline, EVERY)
    missing = [name for name in wanted if name not in said]
    reasons = [_miss(name, wanted[name][0], configuration) for name in missing]
    if reasons:
        raise NoEvidence(f"not so within {deadline}: {'; '.join(reasons)}")
    return list(said.values())


def _wanted() -> Iterator[tuple[str, tuple[Question, timedelta]]]:
    """Each question by the name of its station, and the time that its promise gives.

    Not those of promises that this target lacks something for: nobody asks whether they hold, and it could not be waited for.
    """
    has = child.session().target.entry.capabilities
    for promise in child.session().policy.promises:
        if promise.drill and promise.drill.experiment == child.experiment() and not promise.lacking(has):
            for number, question in enumerate(promise.drill.then):
                yield f"{promise.id}:{number}", (question, promise.drill.within)


def _look(
    wanted: Mapping[str, tuple[Question, timedelta]], said: dict[str, str], configuration: Mapping[str, Any]
) -> bool:
    """Asks what was not yet so, once; whether all is."""
    for name, (question, _) in wanted.items():
        if name not in said and (found := _met(question, configuration)):
            said[name] = found
            hops.note(child.directory(), f"{hops.THEN}{name}", datetime.now(UTC), "platform", found)
    return len(said) == len(wanted)


def _miss(name: str, question: Question, configuration: Mapping[str, Any]) -> str:
    """Why it is not so; noted where it was read, and is otherwise."""
    outcome, why = _asked(question, configuration)
    if outcome is Outcome.MISSED:
        hops.note(child.directory(), f"{hops.NOT_THEN}{name}", datetime.now(UTC), "platform", why)
    return why


def _question(probe: Mapping[str, Any], expect: Mapping[str, Any], subjects: int | None) -> Question:
    try:
        return Question.model_validate({"probe": dict(probe), "expect": dict(expect), "subjects": subjects})
    except ValueError as error:
        raise PolicyError(f"the experiment asks what no promise could: {error}") from None


def _was_so(question: Question) -> str:
    """The station of a question that was answered with yes before the fault."""
    words = json.dumps(question.model_dump(mode="json"), sort_keys=True, default=str)
    return f"so:{hashlib.sha256(words.encode()).hexdigest()[:16]}"


def _missed(question: Question, configuration: Mapping[str, Any]) -> str | None:
    """What was seen, where it was read and is not as asked."""
    outcome, why = _asked(question, configuration)
    return why if outcome is Outcome.MISSED else None


def _met(question: Question, configuration: Mapping[str, Any]) -> str | None:
    """What was seen, where it is as asked."""
    outcome, why = _asked(question, configuration)
    return why if outcome is Outcome.MET else None


def _asked(question: Question, configuration: Mapping[str, Any]) -> tuple[Outcome, str]:
    session = child.session()
    session.forget()
    try:
        _, (seen, _) = ask(question.probe, session, str(configuration["runbook"]))
    except (NoEvidence, TargetError) as error:
        return Outcome.UNKNOWN, str(error)
    return judge_question(question, seen)
