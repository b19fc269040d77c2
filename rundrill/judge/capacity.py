"""Whether the platform carried the promised load, and its objectives held meanwhile."""

from datetime import timedelta

from rundrill.evidence import CapacitySeen, KeptSeen, Look, Watched
from rundrill.judge.gates import load_figures, load_gap
from rundrill.judge.objective import share_met
from rundrill.judge.state import judge_question, worst
from rundrill.judge.words import count_text, listed, seconds, share_text, time_text
from rundrill.profile import Profile
from rundrill.promise import Capacity, Promise
from rundrill.verdict import Outcome, Verdict

MOST_LOST = 0.01
"""The share of planned arrivals that the crowd itself may fail to send in time."""


def judge_capacity(promise: Promise, seen: CapacitySeen, profile: Profile) -> Verdict:
    """The verdict on every whole bucket of time, and on each objective that is to be kept."""
    capacity = promise.capacity
    assert capacity is not None
    outcome, reason = _finding(capacity, seen, profile)
    notes = (f"{profile.note}: load lasts {time_text(profile.pace(capacity.lasts))}",) if profile.note else ()
    return Verdict(promise.id, outcome, reason, _figures(capacity, seen, profile), notes)


def _finding(capacity: Capacity, seen: CapacitySeen, profile: Profile) -> tuple[Outcome, str]:
    gap = _load_gap(capacity, seen) or _bucket_gap(capacity, seen, profile)
    if gap:
        return Outcome.UNKNOWN, gap
    missed = _thin_bucket(capacity, seen) or _broken(seen)
    if missed:
        return Outcome.MISSED, missed
    looked = [*map(_stayed, seen.states), *([_came(seen.then)] if seen.then else [])]
    for outcome in (Outcome.MISSED, Outcome.UNKNOWN):
        if reasons := [reason for one, reason in looked if one is outcome]:
            return outcome, "; ".join(reasons)
    gap = _kept_gap(capacity, seen)
    return (Outcome.UNKNOWN, gap) if gap else (Outcome.MET, _held(capacity, seen))


def _stayed(state: Watched) -> tuple[Outcome, str]:
    """Whether a state was as promised at every look under load."""
    if not state.looks:
        return Outcome.UNKNOWN, f"not measured under load: {state.promise}"
    found = [(look, *_at_once(state, look)) for look in state.looks]
    for wanted in (Outcome.MISSED, Outcome.UNKNOWN):
        for look, outcome, reason in found:
            if outcome is wanted:
                return outcome, f"{state.promise} under load, after {look.after_s:g} s: {reason}"
    return Outcome.MET, f"{state.promise} held under load"


def _came(then: Watched) -> tuple[Outcome, str]:
    """Whether all was so at one look after the crowd had left."""
    found = [(look, *_at_once(then, look)) for look in then.looks]
    if so := next((look for look, outcome, _ in found if outcome is Outcome.MET), None):
        return Outcome.MET, f"as it must be {so.after_s:g} s after the crowd left"
    for wanted in (Outcome.MISSED, Outcome.UNKNOWN):
        for look, outcome, reason in reversed(found):
            if outcome is wanted:
                return outcome, f"{look.after_s:g} s after the crowd left: {reason}"
    return Outcome.UNKNOWN, "nobody looked after the crowd had left"


def _at_once(of: Watched, look: Look) -> tuple[Outcome, str]:
    """What one look at all questions comes to."""
    if len(look.answers) != len(of.asked) or not of.asked:
        return Outcome.UNKNOWN, "not every question was asked"
    return worst([judge_question(*pair) for pair in zip(of.asked, look.answers, strict=True)])


def _load_gap(capacity: Capacity, seen: CapacitySeen) -> str | None:
    gap = load_gap(seen.phases, ())
    if gap or not seen.phases:
        return gap or "the crowd sent nothing"
    planned = sum(phase.planned for phase in seen.phases)
    if seen.lost < 0 or seen.lost > planned * MOST_LOST:
        return f"the crowd itself could not keep up: {count_text(seen.lost)} of {count_text(planned)} arrivals were late or lost"
    if not seen.planned_rate + 1e-9 >= capacity.rate.per_second:
        return f"only {seen.planned_rate:g} arrivals/s were planned, promised {capacity.rate.per_second:g}"
    return None


def _bucket_gap(capacity: Capacity, seen: CapacitySeen, profile: Profile) -> str | None:
    if seen.bucket <= timedelta(0) or seen.bucket > capacity.rate.per:
        return f"buckets of {time_text(seen.bucket)} cannot show a rate per {time_text(capacity.rate.per)}"
    lasted, promised = seen.bucket * len(seen.good_per_bucket), profile.pace(capacity.lasts)
    if not seen.good_per_bucket or lasted < promised:
        return f"the load lasted {time_text(lasted)} in whole buckets, promised {time_text(promised)}"
    return None


def _promised_good(capacity: Capacity, seen: CapacitySeen) -> float:
    """Good answers that the rate makes of one bucket."""
    return capacity.rate.per_second * seen.bucket.total_seconds()


def _thin_bucket(capacity: Capacity, seen: CapacitySeen) -> str | None:
    promised = _promised_good(capacity, seen)
    thin = [good for good in seen.good_per_bucket if good < promised - 1e-6]
    if not thin:
        return None
    return (
        f"{len(thin)} of {len(seen.good_per_bucket)} buckets of {time_text(seen.bucket)} had too few good answers:"
        f" {count_text(min(thin))} in the worst, promised {count_text(promised)}"
    )


def _broken(seen: CapacitySeen) -> str | None:
    for kept in seen.kept:
        if share_met(kept.good, kept.total, kept.target) is False:
            share = share_text(kept.good / kept.total, kept.target)
            return f"{kept.promise} did not hold under load: {share}, promised {share_text(kept.target)}"
    return None


def _kept_gap(capacity: Capacity, seen: CapacitySeen) -> str | None:
    met = {kept.promise for kept in seen.kept if share_met(kept.good, kept.total, kept.target)}
    met |= {state.promise for state in seen.states}
    blind = [name for name in capacity.keeps if name not in met]
    if blind:
        return f"not measured under load: {listed(blind)}"
    if capacity.then and (seen.then is None or seen.then.asked != capacity.then):
        return "what must be so when the crowd has left was not measured"
    return None


def _held(capacity: Capacity, seen: CapacitySeen) -> str:
    kept = f"; {listed(list(capacity.keeps))} held" if capacity.keeps else ""
    kept += f"; {_came(seen.then)[1]}" if seen.then else ""
    return (
        f"every one of {len(seen.good_per_bucket)} buckets of {time_text(seen.bucket)} had at least"
        f" {count_text(min(seen.good_per_bucket))} good answers, promised {count_text(_promised_good(capacity, seen))}{kept}"
    )


def _figures(capacity: Capacity, seen: CapacitySeen, profile: Profile) -> dict[str, object]:
    looked = (*seen.states, *([seen.then] if seen.then else []))
    return {
        "planned_rate_per_s": seen.planned_rate,
        "promised_rate_per_s": capacity.rate.per_second,
        "lasts_promised_s": seconds(profile.pace(capacity.lasts)),
        "bucket_s": seconds(seen.bucket),
        "good_per_bucket": list(seen.good_per_bucket),
        "lost": seen.lost,
        "kept": [_kept(kept) for kept in seen.kept],
        "load": load_figures(seen.phases),
    } | ({"looked": [_looked(one) for one in looked]} if looked else {})


def _kept(kept: KeptSeen) -> dict[str, object]:
    return {"id": kept.promise, "target": kept.target, "good": kept.good, "total": kept.total}


def _looked(of: Watched) -> dict[str, object]:
    looks = [(look.after_s, *_at_once(of, look)) for look in of.looks]
    return {
        "id": of.promise,
        "looks": [
            {"after_s": after, "outcome": outcome.name, "says": reason} for after, outcome, reason in looks
        ],
    }
