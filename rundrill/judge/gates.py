"""What makes a drill's evidence worthless, whatever the alert or the recovery looked like."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from rundrill.evidence import DrillSeen, LoadPhase, Step
from rundrill.hops import LAPSED
from rundrill.judge.hops import way_of
from rundrill.judge.words import clock_text, count_text, share_text

PHASES = ("before", "fault", "after")
ENOUGH_LOAD = 0.95
"""The share of planned arrivals that a crowd must have sent in each phase."""
LONGEST_PHASE = timedelta(days=1)
CLOCKS_APART = timedelta(minutes=1)


def drill_gap(seen: DrillSeen, experiment: str, under_load: bool = True) -> str | None:
    """Why this run proves nothing, None where it can be judged."""
    if seen.experiment != experiment:
        return f"the evidence is of the experiment {seen.experiment!r}, promised {experiment!r}"
    if seen.interrupted or seen.journal_status in ("interrupted", "aborted"):
        return (
            "the drill was interrupted" if seen.interrupted else f"the experiment was {seen.journal_status}"
        )
    if seen.steady_before is False or (under_load and seen.steady_before is None):
        return "the steady state was " + (
            "not met before the fault" if seen.steady_before is False else "not looked at"
        )
    if not seen.proof:
        return _unproven(seen)
    load = load_gap(seen.load) if under_load or seen.load else None
    if load:
        return load
    if not seen.undone:
        return "nobody could show that the fault was undone"
    return _broken_off(seen)


def _broken_off(seen: DrillSeen) -> str | None:
    """What we did not do as planned, a rollback too: what came of it is not the platform's to answer for."""
    failed = [step for step in seen.steps if step.action and step.status != "succeeded"]
    return _failed(failed[0]) if failed else None


def _failed(step: Step) -> str:
    return f"the step {step.name!r} {step.status}" + (f": {_first_line(step.error)}" if step.error else "")


def load_gap(phases: Sequence[LoadPhase], needed: Sequence[str] = PHASES) -> str | None:
    """Why the crowd was too thin to notice anything."""
    by_name = {phase.name: phase for phase in phases}
    for name in needed:
        if name not in by_name:
            return f"there was no load in the phase {name!r}"
    for phase in phases:
        if phase.sent <= 0 or phase.planned <= 0:
            return f"the crowd sent nothing in the phase {phase.name!r} ({count_text(phase.planned)} planned)"
        if phase.sent < phase.planned * ENOUGH_LOAD:
            share = share_text(phase.sent / phase.planned)
            return f"load below plan in the phase {phase.name!r}: {count_text(phase.sent)} of {count_text(phase.planned)} sent ({share})"
        if not 0 <= phase.failed <= phase.sent or not timedelta(0) < lasted(phase) <= LONGEST_PHASE:
            return f"the load figures of the phase {phase.name!r} contradict each other"
    return None


def clock_gap(seen: DrillSeen, now: datetime) -> str | None:
    """Which time in this drill cannot be: before the drill began, or after the judge's own clock."""
    times = {hop.name: hop.at for hop in seen.hops} | {
        f"end of {phase.name}": phase.ended for phase in seen.load
    }
    for name, at in times.items():
        if at > now + CLOCKS_APART:
            return f"{name} is dated in the future ({clock_text(at)})"
        if seen.started is not None and at < seen.started - CLOCKS_APART:
            return f"{name} is dated before the drill began ({clock_text(at)})"
    return None


def unfinished(seen: DrillSeen) -> str | None:
    """What went wrong in the experiment itself; it never excuses a miss, but nothing is MET with it."""
    for step in seen.steps:
        if step.status != "succeeded":
            return _failed(step)
    if not seen.steps:
        return "the experiment's journal tells of no step"
    if seen.journal_status != "completed":
        return f"the experiment ended as {seen.journal_status!r}"
    return None


def lasted(phase: LoadPhase) -> timedelta:
    """How long that phase was."""
    return phase.ended - phase.started


def load_figures(phases: Sequence[LoadPhase]) -> list[dict[str, object]]:
    """The phases as JSON: planned, sent, failed, share of good answers, latency and failures."""
    return [
        {
            "phase": phase.name,
            "started": phase.started.isoformat(),
            "ended": phase.ended.isoformat(),
            "lasted_s": round(lasted(phase).total_seconds(), 3),
            "planned": phase.planned,
            "sent": phase.sent,
            "failed": phase.failed,
            "good_share": (phase.sent - phase.failed) / phase.sent if phase.sent > 0 else None,
            "latency_s": dict(phase.latency_s),
            "failures": dict(phase.failures),
        }
        for phase in phases
    ]


def _unproven(seen: DrillSeen) -> str:
    way = way_of(seen)
    # What never bit cannot have been taken back, whatever its undo found.
    if way.at("fault_proven") is not None and (why := way.says(LAPSED)) is not None:
        return f"the fault was not proven to last: {why}"
    failed = next((step for step in seen.steps if step.status != "succeeded"), None)
    why = f": {failed.name} {failed.status}, {_first_line(failed.error)}" if failed and failed.error else ""
    return "the fault was not proven" + why


def _first_line(text: str | None) -> str:
    line = (text or "").strip().splitlines()[-1:] or [""]
    return line[0][:160]
