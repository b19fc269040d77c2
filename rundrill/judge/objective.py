"""Whether an indicator met its target over the window that was asked for."""

import math
from datetime import timedelta

from rundrill.burn import Budget
from rundrill.evidence import ObjectiveSeen
from rundrill.judge.words import count_text, latency_text, seconds, share_text, time_text
from rundrill.profile import Profile
from rundrill.promise import Objective, Promise
from rundrill.verdict import Outcome, Verdict

ENOUGH = 0.95
"""The share of the window that must have samples."""
EXACT = 1e-12
"""Room for binary fractions only: 99.9 / 100 is a hair above 0.999."""


def judge_objective(promise: Promise, seen: ObjectiveSeen, profile: Profile) -> Verdict:
    """The verdict on good events among all events, with the error budget they spent."""
    objective = promise.objective
    assert objective is not None
    window = profile.objective_window or objective.window
    gap = _gap(seen, window)
    if gap:
        return Verdict(
            promise.id, Outcome.UNKNOWN, gap, _figures(objective, seen), _notes(objective, profile)
        )
    budget = Budget(objective.target, min(seen.good, seen.total), seen.total)
    share = budget.good / budget.total
    outcome = Outcome.MET if share + EXACT >= objective.target else Outcome.MISSED
    reason = (
        f"{share_text(share, objective.target)} of {count_text(seen.total)} {_events(objective)} over {time_text(window)},"
        f" promised {share_text(objective.target)}; {_spent(budget)}"
    )
    return Verdict(promise.id, outcome, reason, _figures(objective, seen, budget), _notes(objective, profile))


def share_met(good: float, total: float, target: float) -> bool | None:
    """Whether good of total meets the target; None where the counts prove nothing."""
    if not all(map(math.isfinite, (good, total))) or total <= 0 or good < 0 or not 0 < target <= 1:
        return None
    return good / total + EXACT >= target


def _gap(seen: ObjectiveSeen, window: timedelta) -> str | None:
    """What is wrong with the samples, None where they can be judged."""
    if not all(map(math.isfinite, (seen.good, seen.total))):
        return f"the counters are not numbers: good {seen.good}, total {seen.total}"
    if seen.total <= 0:
        return f"no events in the last {time_text(window)}"
    if seen.good < 0:
        return f"the counters contradict each other: good {seen.good:g} of {seen.total:g}"
    if seen.good > seen.total * 1.001:
        return f"the counters contradict each other: good {seen.good:g} is more than total {seen.total:g}"
    covered = min(seen.covered, seen.window)
    if covered < window * ENOUGH:
        whose = f" of {seen.least_covered}" if seen.least_covered else ""
        return f"only {time_text(covered)} of the {time_text(window)} window has samples{whose}"
    return None


def _figures(objective: Objective, seen: ObjectiveSeen, budget: Budget | None = None) -> dict[str, object]:
    figures: dict[str, object] = {
        "good": _number(seen.good),
        "total": _number(seen.total),
        "target": objective.target,
        "window_s": seconds(seen.window),
        "covered_s": seconds(seen.covered),
        **{name: _number(value) for name, value in seen.also.items()},
    }
    if objective.within is not None:
        figures["within_s"] = seconds(objective.within)
    if budget is not None:
        figures["share"] = budget.good / budget.total
        figures["budget_events"] = budget.allowed
        figures["budget_spent"] = budget.spent
        figures["burn_rate"] = budget.burn_rate
    return figures


def _number(value: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return value if math.isfinite(value) else None


def _events(objective: Objective) -> str:
    return (
        f"requests within {latency_text(objective.within.total_seconds())}"
        if objective.within
        else "requests"
    )


def _spent(budget: Budget) -> str:
    if budget.spent is None:
        return f"{count_text(budget.bad)} bad, none allowed"
    return f"{share_text(round(budget.spent, 3))} of the error budget spent"


def _notes(objective: Objective, profile: Profile) -> tuple[str, ...]:
    if profile.objective_window is None or profile.objective_window == objective.window:
        return ()
    return (
        f"measured over {time_text(profile.objective_window)}, promised over {time_text(objective.window)}",
    )
