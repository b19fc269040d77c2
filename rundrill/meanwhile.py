"""States that are looked at while a crowd is at work, and once it has left."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from rundrill.errors import NoEvidence, TargetError
from rundrill.evidence import Look, StateSeen, Watched
from rundrill.promise import Promise, Question
from rundrill.session import Session

type Ask = Callable[[Question, Session, str], StateSeen]

LATE = 0.9
"""The second look comes when so much of the load is over, the first in its middle."""
LEFT = tuple(timedelta(seconds=seconds) for seconds in (1, 5, 10, 20, 40, 60))
"""When it is asked what must be so once the crowd has left."""


@dataclass(frozen=True)
class Meanwhile:
    """Who looks, at what of one capacity promise."""

    promise: Promise
    session: Session
    ask: Ask

    def under_load(self, lasts: timedelta) -> tuple[Watched, ...]:
        """The states that the promise keeps, each looked at twice while the crowd is there; waits for those moments."""
        capacity = self.promise.capacity
        assert capacity is not None
        kept = [self.session.policy.promise(name) for name in capacity.keeps]
        states = [one for one in kept if one.state]
        began, looks = time.monotonic(), dict[str, list[Look]]()
        for share in (0.5, LATE) if states else ():
            time.sleep(max(0.0, began + share * lasts.total_seconds() - time.monotonic()))
            for one in states:
                looks.setdefault(one.id, []).append(self._look(one.id, questions_of(one), began))
        return tuple(Watched(one.id, questions_of(one), tuple(looks[one.id])) for one in states)

    def left(self) -> Watched | None:
        """What the promise says must be so when the crowd has left, for a minute; None where it says nothing."""
        capacity = self.promise.capacity
        assert capacity is not None
        return Watched(self.promise.id, capacity.then, tuple(self._each_look())) if capacity.then else None

    def _each_look(self) -> Iterator[Look]:
        capacity, began = self.promise.capacity, time.monotonic()
        assert capacity is not None
        for moment in LEFT:
            time.sleep(max(0.0, began + moment.total_seconds() - time.monotonic()))
            yield self._look(self.promise.id, capacity.then, began)

    def _look(self, id: str, questions: tuple[Question, ...], began: float) -> Look:
        self.session.forget()
        slug = self.session.policy.runbook_of(id).runbook
        answers = tuple(self._answer(question, slug) for question in questions)
        return Look(round(time.monotonic() - began, 1), answers)

    def _answer(self, question: Question, slug: str) -> StateSeen:
        try:
            return self.ask(question, self.session, slug)
        except (NoEvidence, TargetError) as error:
            return StateSeen((), gap=str(error))


def questions_of(promise: Promise) -> tuple[Question, ...]:
    """All that a state promise asks."""
    return (promise.state, *promise.state.also) if promise.state else ()
