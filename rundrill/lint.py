"""What is wrong, or cannot hold, in a policy: read offline, nothing touched."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from rundrill.borne import uneven
from rundrill.errors import PolicyError
from rundrill.experiment import flaws, read_experiment
from rundrill.feasible import impossible
from rundrill.generate.alertmanager import channels
from rundrill.policy import Policy, load_policy
from rundrill.promise import Promise
from rundrill.runbook import Runbook, crowd_file, experiment_file, way_text
from rundrill.units import duration_text, ratio_text


def lint(path: Path, today: date | None = None) -> tuple[str, ...]:
    """Each fault or finding in one line; none where the policy is well formed and can hold."""
    try:
        policy = load_policy(path)
    except PolicyError as error:
        return tuple(str(error).splitlines())
    return tuple(findings(policy, today or datetime.now(UTC).date()))


def findings(policy: Policy, today: date) -> Iterator[str]:
    """What a well-formed policy promises and cannot keep, or no longer means."""
    for runbook in policy.runbooks:
        yield from _uncounted(runbook)
        yield from _unrouted(runbook)
        yield from _unused(runbook)
        yield from _written(runbook, policy.path.parent)
    for promise in policy.promises:
        yield from _never_kept(promise, policy)
        yield from _measured_elsewhere(promise, policy)
        yield from _waits_anew(promise)
    yield from _unproven(policy)
    for waiver in policy.waivers:
        if waiver.expires < today:
            yield f"{waiver.promise}: its waiver expired on {waiver.expires}; take it out or renew it"


def budgets(policy: Policy) -> tuple[str, ...]:
    """For each objective, how much of its window may be bad: the error budget."""
    lines = []
    for promise in policy.promises:
        if promise.objective:
            objective = promise.objective
            bad = timedelta(seconds=round((1 - objective.target) * objective.window.total_seconds()))
            lines.append(
                f"{promise.id}: {ratio_text(objective.target)} over {duration_text(objective.window)}"
                f" leaves {duration_text(bad)} of error budget"
            )
    return tuple(lines)


def _uncounted(runbook: Runbook) -> Iterator[str]:
    if runbook.clauses is not None and len(runbook.promises) != runbook.clauses:
        yield f"{runbook.runbook}: {len(runbook.promises)} promises, and the runbook has {runbook.clauses} clauses"


def _unrouted(runbook: Runbook) -> Iterator[str]:
    """Routes go by severity, so all alerts of one severity share its receivers."""
    routed = channels(runbook)
    for promise in runbook.promises:
        if promise.alert is None:
            continue
        way, asked = runbook.way(promise.alert), set(promise.alert.receivers)
        if surplus := set(routed[way]) - asked:
            yield f"{promise.id}: {way_text(way)} also reaches {_listed(surplus)}, by other promises"
        if forbidden := set(promise.alert.never) & set(routed[way]):
            yield f"{promise.id}: never {_listed(forbidden)}, but {way_text(way)} goes there"


def _unused(runbook: Runbook) -> Iterator[str]:
    used = {name for names in channels(runbook).values() for name in names}
    if spare := set(runbook.receivers) - used:
        yield f"{runbook.runbook}: no alert reaches {_listed(spare)}"


def _written(runbook: Runbook, root: Path) -> Iterator[str]:
    """Plans that were carried out: what rests on them would be left out for no reason."""
    files = (
        *map(experiment_file, runbook.planned.experiments),
        *map(crowd_file, runbook.planned.crowds),
    )
    for file in files:
        if (root / file).is_file():
            yield f"{runbook.runbook}: {file} is there; take it out of `planned`"


def _never_kept(promise: Promise, policy: Policy) -> Iterator[str]:
    for name, profile in policy.profiles.items():
        if promise.alert:
            for says in impossible(promise.alert, profile):
                yield f"{promise.id}: in profile {name}, {says}"
        if promise.restore and profile.backup_every > promise.restore.rpo:
            yield (
                f"{promise.id}: in profile {name}, a backup every {duration_text(profile.backup_every)}"
                f" cannot keep an rpo of {duration_text(promise.restore.rpo)}"
            )
        if promise.objective and profile.window(promise.objective.window) < 2 * profile.pace(
            profile.scrape_interval
        ):
            yield f"{promise.id}: in profile {name}, its window holds less than two samples"


def _waits_anew(promise: Promise) -> Iterator[str]:
    """A `for` counts for each series by itself."""
    alert = promise.alert
    if alert and alert.when and alert.for_ and (sides := uneven(alert.when)):
        yield (
            f"{promise.id}: its `for` begins anew whenever one side of `or` takes over from the other,"
            f" since their series bear different labels: {'; '.join(sides)}"
        )


def _unproven(policy: Policy) -> Iterator[str]:
    """Experiments beside the policy that could not run, or not prove what rests on them."""
    for path in sorted((policy.path.parent / "experiments").glob("*.yaml")):
        try:
            for why in flaws(read_experiment(path), policy):
                yield f"experiments/{path.name}: {why}"
        except PolicyError as error:
            yield str(error)


def _measured_elsewhere(promise: Promise, policy: Policy) -> Iterator[str]:
    """A person's promise leans on an alert, which must go where and when it says."""
    if promise.measured_part is None:
        return
    alert = policy.promise(promise.measured_part.alert).alert
    if alert and promise.measured_part.reaches not in alert.receivers:
        yield (
            f"{promise.id}: {promise.measured_part.alert} does not reach {promise.measured_part.reaches}"
            f" (it reaches {_listed(set(alert.receivers))})"
        )
    if alert and promise.measured_part.within < alert.notified_within:
        yield (
            f"{promise.id}: measured within {duration_text(promise.measured_part.within)}, but"
            f" {promise.measured_part.alert} promises {duration_text(alert.notified_within)}"
        )


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
