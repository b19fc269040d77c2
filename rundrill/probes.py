"""What an experiment asks: each probe polls with a deadline of its own and notes when each station was reached.

Deadlines are generous, so that what comes late is measured as late; a probe that saw nothing until its deadline raises,
and what it noted until then is the evidence.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rundrill import child, hops
from rundrill.conditions import no_more
from rundrill.errors import NoEvidence, PolicyError
from rundrill.faults.proof import all_answered
from rundrill.faults.rollout import Rollout, rollout
from rundrill.promise import Drill, Objective
from rundrill.recovery import Held
from rundrill.waiting import until
from rundrill.watch import Watch

STEADY = timedelta(seconds=20)
"""For so long the objective must have held under load before a fault may begin."""
STEADY_WITHIN = timedelta(seconds=90)
QUIET_WITHIN = timedelta(seconds=20)
SLACK = timedelta(seconds=60)
"""Added to every promised time before a probe gives up."""
LAPSED = timedelta(seconds=3)


def objective_is_met(id: str) -> bool:
    """Whether the objective holds under load now and did for the last 20 s; waits until it does."""
    if not child.crowd().read().plan:
        raise NoEvidence("the crowd plans no arrivals, so nothing can be said of its users")
    objective, since = _objective(id), datetime.now(UTC) - STEADY
    return bool(until(lambda: _held(objective, since, STEADY), STEADY_WITHIN))


def alert_is_quiet(id: str) -> bool:
    """Whether the rule is loaded and healthy, and neither Prometheus nor Alertmanager holds its alert."""
    watch = _watch(id, datetime.now(UTC))
    quiet = bool(until(lambda: _quiet(watch), QUIET_WITHIN))
    hops.note(child.directory(), "quiet" if quiet else "not_quiet", datetime.now(UTC), "prometheus", of=id)
    return quiet


def alert_arrives(
    id: str,
    configuration: Mapping[str, Any],
    seen_on: str | None = None,
    of: dict[str, str] | None = None,
    lasting: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """When the alert with these labels reached each station up to every promised channel, while the fault lasted.

    That it lasted is asked where the alert did not come: the users of `seen_on` still fail, or `lasting` (a question:
    probe, expect, subjects) is still answered with yes.
    """
    if seen_on is None and lasting is None:
        raise PolicyError(f"{id}: neither seen_on nor lasting says how to see whether the fault lasts")
    watch = _watch(id, child.time_of("injected"), of)
    alert, profile = watch.promise.alert, watch.session.profile
    assert alert is not None
    child.time_of("fault_proven")
    until(
        lambda: _arrived(watch, alert.receivers) or watch.rule_gone,
        2 * profile.pace(alert.notified_within) + SLACK,
    )
    watch.note_first_bad_sample()
    if not watch.reached("witness", alert.receivers):
        _say_why_not(watch, seen_on, lasting, configuration)
    return {name: at.isoformat() for name, at in watch.seen.items()}


def alert_resolves(id: str, of: dict[str, str] | None = None) -> dict[str, str]:
    """When the alert with these labels was inactive again, and when each promised channel was told."""
    watch = _watch(id, child.time_of("injected"), of)
    alert, profile = watch.promise.alert, watch.session.profile
    assert alert is not None
    watch.seen = {hop.name: hop.at for hop, _ in hops.noted(child.directory()) if hop.of == id}
    if not any(name.startswith("witness:") for name in watch.seen):
        raise NoEvidence(f"{watch.promise.alert_name} never arrived, so there is nothing to resolve")
    waits = profile.pace(profile.group_interval) + profile.pace(alert.notified_within)
    until(lambda: _resolved(watch, alert.receivers), 2 * waits + SLACK)
    if not watch.reached("resolved", alert.receivers):
        raise NoEvidence(
            watch.blind or f"{watch.promise.alert_name} was not resolved at every channel in time"
        )
    return {name: at.isoformat() for name, at in watch.seen.items()}


def users_recover(id: str) -> str:
    """When the objective held again under load, for as long as the drill's promise says."""
    objective, drill = _objective(id), _drill()
    child.time_of("fault_proven")
    # A fault may be over for its users before the last replica is back, a procedure not before its end.
    station = "undone" if hops.reached(child.directory(), hops.PROCEDURE) else hops.UNDOING
    # Of several faults one after another the last one counts: between two of them they may have been well for a while.
    over = hops.last(child.directory(), station)
    since = over.at if over else child.time_of(station)
    found = until(lambda: _held(objective, since, drill.holds_for), drill.shown_within + SLACK)
    if found is None:
        raise NoEvidence(f"{id} did not hold for {drill.holds_for} within {drill.within} of the undo")
    hops.note(child.directory(), "recovered_users", found.since, "crowd", found.says)
    return found.says


def workload_recovers(namespace: str, workload: str) -> str:
    """When every replica was of the newest template and available."""
    found = until(lambda: _complete(namespace, workload), _drill().within + SLACK)
    if found is None:
        raise NoEvidence(f"{namespace}/{workload} was not complete within {_drill().within}")
    says = f"{found.name}: {found.available} of {found.wanted} available"
    hops.note(child.directory(), "recovered_kubernetes", datetime.now(UTC), "kubernetes", says)
    return says


def _quiet(watch: Watch) -> bool:
    rule = watch.rule()
    if rule is None:
        raise NoEvidence(f"no rule with promise={watch.promise.id} is loaded, so its silence says nothing")
    held_there = [
        a for a in watch.session.alertmanager(watch.slug).alerts(watch.promise.alert_name) if watch.mine(a)
    ]
    return rule["health"] == "ok" and rule["state"] == "inactive" and not held_there


def _arrived(watch: Watch, channels: tuple[str, ...]) -> bool:
    watch.look()
    # Every station is wanted: the servers are asked one after another, and the witness may be the first to know.
    return watch.reached("witness", channels) and {"firing", "alertmanager"} <= watch.seen.keys()


def _resolved(watch: Watch, channels: tuple[str, ...]) -> bool:
    watch.look()
    return watch.reached("resolved", channels) and "inactive" in watch.seen


def _say_why_not(
    watch: Watch, path: str | None, lasting: Mapping[str, Any] | None, configuration: Mapping[str, Any]
) -> None:
    """Raises, after noting where the silence is ours or the fault's and not the alert's."""
    drill, now, id = child.directory(), datetime.now(UTC), watch.promise.id
    if watch.blind:
        hops.note(drill, "blind", now, "watch", watch.blind, of=id)
    elif path is not None and all_answered(child.crowd(), path, LAPSED, now):
        says = f"users of {path} were answered again before the undo"
        hops.note(drill, hops.LAPSED, now, "crowd", says, of=id)
    elif lasting is not None and (over := no_more(lasting, configuration)):
        hops.note(drill, hops.LAPSED, now, "platform", f"the fault was over before the undo: {over}", of=id)
    raise NoEvidence(
        watch.blind or f"{watch.promise.alert_name} did not reach every promised channel in time"
    )


def _complete(namespace: str, workload: str) -> Rollout | None:
    now = rollout(child.session(), namespace, workload)
    return now if now.complete else None


def _held(objective: Objective, since: datetime, for_: timedelta) -> Held | None:
    return child.crowd_held(since, for_, objective.target, objective.within)


def _watch(id: str, since: datetime, of: dict[str, str] | None = None) -> Watch:
    return Watch(child.session(), child.session().policy.promise(id), child.directory(), since, of=of or {})


def _objective(id: str) -> Objective:
    objective = child.session().policy.promise(id).objective
    if objective is None:
        raise PolicyError(f"the experiment asks whether {id!r} is met, which is no objective")
    return objective


def _drill() -> Drill:
    """The drill promise that this experiment serves; one with the usual times where it only proves an alert."""
    name = child.experiment()
    drills = [promise.drill for promise in child.session().policy.promises if promise.drill]
    usual = Drill(experiment=name, under="", within=timedelta(minutes=5))
    return next((drill for drill in drills if drill.experiment == name), usual)
