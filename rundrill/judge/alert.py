"""Whether an alert is wired as promised, and whether a real fault made it arrive in time and resolve."""

from datetime import datetime, timedelta

from rundrill.evidence import AlertSeen, DrillSeen
from rundrill.judge.gates import CLOCKS_APART, drill_gap, load_figures, unfinished
from rundrill.judge.hops import Way, blame, legs, way_of
from rundrill.judge.wiring import Finding, wiring_fault
from rundrill.judge.words import listed, paced_text, seconds, time_text
from rundrill.profile import Profile
from rundrill.promise import Alert, Promise
from rundrill.runbook import not_written
from rundrill.verdict import Because, Outcome, Verdict


def judge_alert(promise: Promise, seen: AlertSeen, profile: Profile, at: datetime) -> Verdict:
    """The verdict on rule, route and drill; wired as promised without a drill is NOT RUN."""
    alert = promise.alert
    assert alert is not None
    outcome, reason = _finding(promise.id, alert, seen, profile, at)
    because = Because.PLANNED if seen.unwritten else Because.DISRUPTIVE
    return Verdict(
        promise.id,
        outcome,
        reason,
        _figures(alert, seen, profile),
        _notes(seen, profile),
        because if outcome is Outcome.NOT_RUN else None,
    )


def _finding(promise_id: str, alert: Alert, seen: AlertSeen, profile: Profile, at: datetime) -> Finding:
    wired = wiring_fault(promise_id, alert, seen, profile, at)
    if wired:
        return wired
    if seen.drill is None:
        why = not_written(seen.unwritten) if seen.unwritten else "needs --disruptive"
        return Outcome.NOT_RUN, f"wired as promised; not proven: {why}"
    gap = _gap(alert, seen.drill)
    if gap:
        return Outcome.UNKNOWN, gap
    way = way_of(seen.drill)
    missed = (
        _unpaged(alert, way)
        or _late(alert, seen, way, profile)
        or _hasty(alert, way, profile)
        or _unresolved(alert, way)
    )
    if missed:
        return Outcome.MISSED, missed
    broken = unfinished(seen.drill)
    if broken:
        return Outcome.UNKNOWN, broken
    return Outcome.MET, _held(alert, way, profile)


def _gap(alert: Alert, drill: DrillSeen) -> str | None:
    """Why this drill proves nothing of this alert."""
    if drill.quiet_before is not True:
        return "the alert " + (
            "was firing before the fault"
            if drill.quiet_before is False
            else "was not looked at before the fault"
        )
    gap = drill_gap(drill, alert.proven_by, under_load=alert.when is not None)
    if gap:
        return gap
    way = way_of(drill)
    if way.at("fault_proven") is None:
        return "nobody noted when the fault was proven"
    arrived = [way.after(f"witness:{channel}") for channel in way.channels("witness")]
    if any(length is not None and length < timedelta(0) for length in arrived):
        return "a notification arrived before the fault was proven: it may be an older one"
    return _firing_gap(way, arrived) if alert.when is not None else None


def _firing_gap(way: Way, arrived: list[timedelta | None]) -> str | None:
    """Whether the rule was seen to fire, and no later than its notifications came."""
    fired = way.after("firing")
    if fired is None:
        return "notifications arrived, but nobody saw the rule fire" if arrived else None
    if any(length is not None and length < fired - CLOCKS_APART for length in arrived):
        return "a notification arrived before the rule fired: it may be an older one"
    return None


def _unpaged(alert: Alert, way: Way) -> str | None:
    reached = way.channels("witness")
    absent = [channel for channel in alert.receivers if channel not in reached]
    if absent:
        fired = way.after("firing")
        how_far = f"the rule fired after {time_text(fired)}" if fired is not None else "the rule never fired"
        if alert.when is None:
            how_far = f"reached {listed(list(reached))}" if reached else "reached nobody"
        return f"never arrived at {listed(absent)}; {how_far}"
    banned = [
        channel
        for channel in reached
        if channel in alert.never or (alert.when is None and channel not in alert.receivers)
    ]
    return f"arrived at {listed(banned)}, where it must never go" if banned else None


def _notified(alert: Alert, way: Way) -> tuple[timedelta, str] | None:
    """How long until the last promised receiver had it, and which that was."""
    times = [
        (length, channel)
        for channel in alert.receivers
        if (length := way.after(f"witness:{channel}")) is not None
    ]
    return max(times) if len(times) == len(alert.receivers) and times else None


def _late(alert: Alert, seen: AlertSeen, way: Way, profile: Profile) -> str | None:
    notified = _notified(alert, way)
    promised = profile.pace(alert.notified_within)
    if notified is None or notified[0] <= promised:
        return None
    why = ""
    if seen.rule is not None and seen.route is not None:
        why = "; " + blame(legs(way, notified[1], seen.rule, seen.route, profile), promised)
    return f"reached {notified[1]} after {time_text(notified[0], promised)}, promised {paced_text(alert.notified_within, profile)}{why}"


def _hasty(alert: Alert, way: Way, profile: Profile) -> str | None:
    """An outage shorter than `quiet_for` must not page, so firing sooner than that breaks the promise."""
    fired = way.after("firing")
    if alert.quiet_for is None or fired is None or fired >= profile.pace(alert.quiet_for):
        return None
    return f"fired after {time_text(fired, profile.pace(alert.quiet_for))}: an outage shorter than {paced_text(alert.quiet_for, profile)} would have paged"


def _unresolved(alert: Alert, way: Way) -> str | None:
    told = way.channels("resolved")
    deaf = [channel for channel in alert.receivers if channel not in told]
    if deaf:
        return f"never resolved at {listed(deaf)}"
    early = [
        channel
        for channel in alert.receivers
        if (way.after(f"resolved:{channel}", f"witness:{channel}") or timedelta(0)) <= timedelta(0)
    ]
    return f"resolved before it arrived at {listed(early)}" if early else None


def _held(alert: Alert, way: Way, profile: Profile) -> str:
    notified = _notified(alert, way)
    assert notified is not None
    fired, resolved = way.after("firing"), _resolved_after(alert, way)
    parts = [f"fired after {time_text(fired)}"] if fired is not None else []
    parts += [
        f"reached {listed(list(alert.receivers))} after {time_text(notified[0])}, promised {paced_text(alert.notified_within, profile)}"
    ]
    parts += [f"resolved {time_text(resolved)} after the undo"] if resolved is not None else ["resolved"]
    return "; ".join(parts)


def _resolved_after(alert: Alert, way: Way) -> timedelta | None:
    """From the undo until the last promised receiver was told."""
    times = [
        length
        for channel in alert.receivers
        if (length := way.after(f"resolved:{channel}", "undone")) is not None
    ]
    return max(times) if len(times) == len(alert.receivers) and times else None


def _figures(alert: Alert, seen: AlertSeen, profile: Profile) -> dict[str, object]:
    figures: dict[str, object] = {
        "severity": alert.severity,
        "receivers": list(alert.receivers),
        "notified_promised_s": seconds(profile.pace(alert.notified_within)),
        "for_promised_s": seconds(profile.pace(alert.for_)) if alert.for_ else 0.0,
    }
    if seen.rule is not None:
        figures["rule"] = {
            "name": seen.rule.name,
            "expr": seen.rule.expr,
            "for_s": seconds(seen.rule.for_),
            "state": seen.rule.state,
        }
    if seen.route is not None:
        figures["route"] = {
            "receivers": list(seen.route.receivers),
            "group_wait_s": seconds(seen.route.group_wait),
            "group_interval_s": seconds(seen.route.group_interval),
        }
    return figures | drill_figures(seen.drill, alert) if seen.drill is not None else figures


def drill_figures(drill: DrillSeen, alert: Alert | None = None) -> dict[str, object]:
    """The numbers that every drill reports, in seconds from the proof of the fault; None where a hop was not seen."""
    way = way_of(drill)
    notified = _notified(alert, way) if alert is not None else None
    resolved = _resolved_after(alert, way) if alert is not None else None
    return {
        "experiment": drill.experiment,
        "proof": drill.proof,
        "undone": drill.undone,
        "detected_after_s": _seconds(way.after("firing")),
        "notified_after_s": _seconds(notified[0] if notified else None),
        "recovered_after_s": _seconds(way.after("recovered_users")),
        "resolved_after_s": _seconds(resolved),
        "hops": way.figures(),
        "load": load_figures(drill.load),
        "other_alerts": list(drill.other_alerts),
    }


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else seconds(length)


def _notes(seen: AlertSeen, profile: Profile) -> tuple[str, ...]:
    notes = [profile.note] if profile.note else []
    if seen.drill is not None and seen.drill.other_alerts:
        notes.append(f"also fired: {listed(list(seen.drill.other_alerts), 8)}")
    if seen.drill is None and seen.rule is not None and seen.rule.state == "firing":
        notes.append("it is firing now")
    return tuple(notes)
