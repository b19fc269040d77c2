"""Whether users were well again in time after a fault, or during a procedure.

`within` is never paced: Kubernetes restarts pods no faster because a drill's alerts do.
"""

from datetime import timedelta

from rundrill.evidence import DrillSeen
from rundrill.hops import NOT_THEN, THEN
from rundrill.judge.alert import drill_figures
from rundrill.judge.gates import drill_gap, unfinished
from rundrill.judge.hops import way_of
from rundrill.judge.words import count_text, listed, seconds, share_text, time_text
from rundrill.profile import Profile
from rundrill.promise import Drill, Promise
from rundrill.verdict import Outcome, Verdict

CLOSE_ENOUGH = timedelta(seconds=1)
"""A crowd's last arrival lies this much before its end."""


def judge_drill(promise: Promise, seen: DrillSeen, profile: Profile) -> Verdict:
    """The verdict on recovery and on what users noticed meanwhile."""
    drill = promise.drill
    assert drill is not None
    outcome, reason = _finding(promise.id, drill, seen)
    figures = drill_figures(seen) | {"within_promised_s": seconds(drill.within)}
    figures["errors"] = _errors(seen)
    if drill.keeps is not None:
        figures["errors_promised"] = drill.keeps.errors
    notes = [f"also fired: {listed(list(seen.other_alerts), 8)}"] if seen.other_alerts else []
    if profile.note:
        notes.append(f"{profile.note} for alerts; recovery is in real time")
    return Verdict(promise.id, outcome, reason, figures, tuple(notes))


def _finding(promise_id: str, drill: Drill, seen: DrillSeen) -> tuple[Outcome, str]:
    gap = drill_gap(seen, drill.experiment, under_load=drill.under is not None)
    if gap:
        return Outcome.UNKNOWN, gap
    if way_of(seen).at("fault_proven") is None:
        return Outcome.UNKNOWN, "nobody noted when the fault was proven or the procedure began"
    if drill.under is None and not drill.then:
        return (
            Outcome.UNKNOWN,
            "no crowd was there and nothing must be so in the end: nothing shows that it was done",
        )
    found = [_users(drill, seen)] if drill.under is not None else []
    found += [done(promise_id, number, drill.within, seen) for number, _ in enumerate(drill.then)]
    for outcome in (Outcome.MISSED, Outcome.UNKNOWN):
        if reasons := [reason for one, reason in found if one is outcome]:
            return outcome, "; ".join(reasons)
    unknown = unfinished(seen)
    return (Outcome.UNKNOWN, unknown) if unknown else (Outcome.MET, "; ".join(reason for _, reason in found))


def _users(drill: Drill, seen: DrillSeen) -> tuple[Outcome, str]:
    """Whether the crowd was well again in time, and well enough meanwhile."""
    recovered = way_of(seen).after("recovered_users")
    if recovered is None:
        return Outcome.MISSED, f"users were not well again within {time_text(drill.within)}"
    if recovered < timedelta(0):
        return (
            Outcome.UNKNOWN,
            "users were well again before the fault was proven: the times contradict each other",
        )
    missed = _missed(drill, seen, recovered)
    if missed:
        return Outcome.MISSED, missed
    unknown = _unwatched(drill, seen)
    return (Outcome.UNKNOWN, unknown) if unknown else (Outcome.MET, _held(drill, seen, recovered))


def done(promise_id: str, number: int, within: timedelta, seen: DrillSeen) -> tuple[Outcome, str]:
    """Whether one question of what must be so in the end was answered with yes in time."""
    way, name = way_of(seen), f"{promise_id}:{number}"
    came = way.after(f"{THEN}{name}")
    if came is not None:
        if came <= within:
            return Outcome.MET, f"done after {time_text(came)}, promised {time_text(within)}"
        return Outcome.MISSED, f"done after {time_text(came, within)}, promised {time_text(within)}"
    asked = f"what must be so in the end (question {number + 1})"
    if (was := way.says(f"{NOT_THEN}{name}")) is not None:
        return Outcome.MISSED, f"{asked} was not, within {time_text(within)}: {was or 'it was otherwise'}"
    return Outcome.UNKNOWN, f"{asked} was not measured"


def _missed(drill: Drill, seen: DrillSeen, recovered: timedelta) -> str | None:
    if recovered > drill.within:
        return f"users were well again after {time_text(recovered, drill.within)}, promised {time_text(drill.within)}"
    errors = _errors(seen)
    if drill.keeps is not None and errors is not None and errors > drill.keeps.errors + 1e-12:
        limit = drill.keeps.errors
        return f"{_failures(seen)} failed meanwhile ({share_text(errors, limit)}), promised at most {share_text(limit)}"
    return None


def _unwatched(drill: Drill, seen: DrillSeen) -> str | None:
    """Recovery counts only when the crowd stayed long enough to see that it lasted."""
    recovered, left = way_of(seen).at("recovered_users"), max(phase.ended for phase in seen.load)
    if recovered is None or left < recovered:
        return "the crowd had left before users were well again"
    if left - recovered < drill.holds_for - CLOSE_ENOUGH:
        return (
            f"the crowd stayed {time_text(left - recovered)} after users were well again,"
            f" which must hold for {time_text(drill.holds_for)}"
        )
    return None


def _errors(seen: DrillSeen) -> float | None:
    """The share of failed requests over fault and recovery together; None where nothing was sent."""
    phases = [phase for phase in seen.load if phase.name in ("fault", "after")]
    sent = sum(phase.sent for phase in phases)
    return sum(phase.failed for phase in phases) / sent if sent > 0 else None


def _failures(seen: DrillSeen) -> str:
    phases = [phase for phase in seen.load if phase.name in ("fault", "after")]
    failed, sent = sum(phase.failed for phase in phases), sum(phase.sent for phase in phases)
    return f"{count_text(failed)} of {count_text(sent)} requests"


def _held(drill: Drill, seen: DrillSeen, recovered: timedelta) -> str:
    kept = ""
    if drill.keeps is not None:
        kept = f", promised at most {share_text(drill.keeps.errors)}"
    return f"users were well again after {time_text(recovered)}, promised {time_text(drill.within)}; {_failures(seen)} failed meanwhile{kept}"
