"""How much of the objectives' error budget is left, before a fault spends of it."""

from collections.abc import Callable

from rundrill.asking import Seen
from rundrill.burn import Budget
from rundrill.errors import NoEvidence, TargetError
from rundrill.evidence import ObjectiveSeen
from rundrill.promise import Promise
from rundrill.session import Session
from rundrill.units import ratio_text


def refuse_spent(session: Session, slug: str, see: Callable[[Promise, Session], Seen]) -> None:
    """TargetError where an objective of that runbook has less budget left than slo.yaml's guard wants.

    An objective that cannot be measured counts as spent: nobody knows what a fault would cost.
    """
    least = session.policy.guard.error_budget
    if not least:
        return
    for promise in session.policy.runbook(slug).promises:
        if promise.objective is None:
            continue
        try:
            seen, _ = see(promise, session)
        except NoEvidence as error:
            raise TargetError(f"no fault may begin: what is left of a budget is unknown: {error}") from None
        assert isinstance(seen, ObjectiveSeen)
        spent = Budget(promise.objective.target, seen.good, seen.total).spent
        left = 0.0 if spent is None else max(0.0, 1 - spent)
        if left < least:
            raise TargetError(
                f"no fault may begin: {promise.id} has {ratio_text(left)} of its error budget left,"
                f" the guard wants {ratio_text(least)}"
            )
