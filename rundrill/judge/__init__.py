"""judge(promise, evidence, profile, now) -> Verdict: pure arithmetic, one module a kind of promise."""

from datetime import datetime

from rundrill.evidence import (
    AlertSeen,
    AttestationSeen,
    CapacitySeen,
    DrillSeen,
    Evidence,
    ObjectiveSeen,
    RestoreSeen,
    StateSeen,
)
from rundrill.judge.alert import judge_alert
from rundrill.judge.attestation import judge_attestation
from rundrill.judge.capacity import judge_capacity
from rundrill.judge.drill import judge_drill
from rundrill.judge.gates import CLOCKS_APART, clock_gap
from rundrill.judge.objective import judge_objective
from rundrill.judge.restore import judge_restore
from rundrill.judge.state import judge_state
from rundrill.judge.waiver import waive
from rundrill.judge.words import clock_text, time_text
from rundrill.profile import Profile
from rundrill.promise import Promise
from rundrill.units import duration_text
from rundrill.verdict import Outcome, Verdict

__all__ = ["judge", "waive"]


def judge(promise: Promise, evidence: Evidence | None, profile: Profile, now: datetime) -> Verdict:
    """What the evidence says of the promise; MET only where every piece that the promise rests on is there."""
    gap = _gap(promise, evidence, now)
    if gap or evidence is None:
        return Verdict(promise.id, Outcome.UNKNOWN, gap or "no evidence")
    return _judge_seen(promise, evidence, profile, now)


def _judge_seen(promise: Promise, evidence: Evidence, profile: Profile, now: datetime) -> Verdict:
    match promise.kind, evidence.seen:
        case "objective", ObjectiveSeen() as seen:
            return judge_objective(promise, seen, profile)
        case "alert", AlertSeen() as seen:
            return judge_alert(promise, seen, profile, evidence.taken_at)
        case "state", StateSeen() as seen:
            return judge_state(promise, seen)
        case "drill", DrillSeen() as seen:
            return judge_drill(promise, seen, profile)
        case "restore", RestoreSeen() as seen:
            return judge_restore(promise, seen)
        case "capacity", CapacitySeen() as seen:
            return judge_capacity(promise, seen, profile)
        case "attestation", AttestationSeen() as seen:
            return judge_attestation(promise, seen, now)
        case kind, other:
            reason = f"the evidence ({type(other).__name__}) is not of the kind {kind!r}"
            return Verdict(promise.id, Outcome.UNKNOWN, reason)


def _gap(promise: Promise, evidence: Evidence | None, now: datetime) -> str | None:
    """What is wrong with the evidence as such."""
    if evidence is None:
        return "no evidence"
    if evidence.promise != promise.id:
        return f"the evidence is of {evidence.promise}"
    if evidence.taken_at > now + CLOCKS_APART:
        return f"the evidence is dated in the future ({clock_text(evidence.taken_at)})"
    lasts = promise.evidence_lasts
    if lasts is not None and now - evidence.taken_at > lasts:
        return f"the evidence is {time_text(now - evidence.taken_at)} old and lasts {duration_text(lasts)}"
    seen = evidence.seen.drill if isinstance(evidence.seen, AlertSeen) else evidence.seen
    return clock_gap(seen, now) if isinstance(seen, DrillSeen) else None
