"""What the files of a policy say of each other: names that nothing answers to, ids that stand twice, queries that do not parse."""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path

from rundrill import promql
from rundrill.defect_references import row_faults
from rundrill.frontpage import EVERY, FrontPage
from rundrill.loading import Loaded
from rundrill.promise import SYNTHETIC, Promise, Question
from rundrill.reading import Location
from rundrill.runbook import Indicator, Runbook, crowd_file, experiment_file
from rundrill.wording import Mistake, hint
from rundrill.written import Written


def dangling(written: Written) -> Iterator[Mistake]:
    """Every mistake that only shows when the files are read together."""
    yield from _twice(written)
    for runbook in written.runbooks:
        yield from _queries(runbook)
        for below, says in _planned(runbook.model):
            yield runbook.wrong(("planned", *below), says)
    for runbook, at, promise in written.promises():
        for below, says in _promise_faults(promise, runbook.model, written):
            yield runbook.wrong((*at, *below), says)
    for file, at, defect in written.rows():
        for below, says in row_faults(defect, file.model.runbook, written):
            yield file.wrong((*at, *below), says)
    yield from _front_faults(written)
    if written.attestations:
        ids = written.ids("attestation")
        for number, record in enumerate(written.attestations.model.records):
            if record.promise not in ids:
                says = _unknown(record.promise, "attestation", ids)
                yield written.attestations.wrong(("records", number, "promise"), says)


def _twice(written: Written) -> Iterator[Mistake]:
    first: dict[str, str] = {}
    for runbook, at, promise in written.promises():
        line = runbook.document.line((*at, "id"))
        if promise.id in first:
            yield runbook.wrong((*at, "id"), f"stands twice (first at {first[promise.id]})")
        first.setdefault(promise.id, f"{runbook.wrong(at, '').file}:{line}")
        if not promise.id.startswith(f"{runbook.model.runbook}."):
            yield runbook.wrong(
                (*at, "id"), f"{promise.id!r} does not start with {runbook.model.runbook + '.'!r}"
            )
    yield from _named_alike(written)


def _named_alike(written: Written) -> Iterator[Mistake]:
    """Two alerts of one runbook whose rules would have the same name."""
    first: dict[tuple[str, str], str] = {}
    for runbook, at, promise in written.promises():
        name = (runbook.model.runbook, promise.alert_name)
        if promise.alert and first.setdefault(name, promise.id) != promise.id:
            yield runbook.wrong((*at, "id"), f"its rule would be called {name[1]}, as that of {first[name]}")


def _queries(runbook: Loaded[Runbook]) -> Iterator[Mistake]:
    for name, indicator in runbook.model.indicators.items():
        filled = indicator.over(timedelta(minutes=5), timedelta(milliseconds=200))
        for below, query in _parts(filled):
            if fault := promql.fault_of(query):
                yield runbook.wrong(("indicators", name, *below), f"is no PromQL: {fault}")


def _parts(indicator: Indicator) -> Iterator[tuple[Location, str]]:
    yield ("good",), indicator.good
    yield ("total",), indicator.total
    for name, query in indicator.also.items():
        yield ("also", name), query


type Found = Iterator[tuple[Location, str]]


def _promise_faults(promise: Promise, runbook: Runbook, written: Written) -> Found:
    """The faults of one promise as (entry below it, what is wrong)."""
    yield from _objective(promise, runbook)
    yield from _alert(promise, runbook, written)
    yield from _state(promise, runbook, written)
    yield from _files(promise, runbook, written.root)
    yield from _references(promise, written)
    if promise.measured_part and promise.measured_part.reaches not in runbook.receivers:
        yield (
            ("measured_part", "reaches"),
            _unknown(promise.measured_part.reaches, "receiver", runbook.receivers),
        )
    if promise.literal and promise.literal.when and (fault := promql.fault_of(promise.literal.when)):
        yield ("literal", "when"), f"is no PromQL: {fault}"


def _objective(promise: Promise, runbook: Runbook) -> Found:
    if not promise.objective:
        return
    indicator = runbook.indicators.get(promise.objective.indicator)
    if indicator is None:
        names = runbook.indicators
        yield ("objective", "indicator"), _unknown(promise.objective.indicator, "indicator", names)
    elif ("$within" in indicator.good) != (promise.objective.within is not None):
        wanted = "needs" if promise.objective.within is None else "has no"
        yield ("objective",), f"indicator {promise.objective.indicator} {wanted} `within`"


def _alert(promise: Promise, runbook: Runbook, written: Written) -> Found:
    if not promise.alert:
        return
    alert = promise.alert
    for key in ("receivers", "never"):
        for number, name in enumerate(getattr(alert, key)):
            if name not in runbook.receivers:
                yield ("alert", key, number), _unknown(name, "receiver", runbook.receivers)
    if alert.when and (fault := promql.fault_of(alert.when)):
        yield ("alert", "when"), f"is no PromQL: {fault}"


def _state(promise: Promise, runbook: Runbook, written: Written) -> Found:
    for at, state in _states(promise):
        probe = state.probe
        if probe.promql and (fault := promql.fault_of(probe.promql.query)):
            yield (*at, "probe", "promql", "query"), f"is no PromQL: {fault}"
        if probe.backup:
            for name, target in written.front.model.targets.items():
                platform = target.platforms.get(runbook.runbook)
                if platform and probe.backup.backup not in platform.backups:
                    says = _unknown(probe.backup.backup, f"backup of target {name}", platform.backups)
                    yield (*at, "probe", "backup", "backup"), says


def _states(promise: Promise) -> Iterator[tuple[Location, Question]]:
    """The questions that a promise asks, or those that its drill leads to."""
    if promise.state:
        yield ("state",), promise.state
        for number, question in enumerate(promise.state.also):
            yield ("state", "also", number), question
    ending = promise.drill or promise.capacity
    for number, question in enumerate(ending.then if ending else ()):
        yield (promise.kind, "then", number), question


def _planned(runbook: Runbook) -> Found:
    """A plan that no promise waits for."""
    named = {
        "experiments": {promise.experiment for promise in runbook.promises},
        "crowds": {promise.crowd for promise in runbook.promises},
    }
    for key, names in named.items():
        for number, name in enumerate(getattr(runbook.planned, key)):
            if name not in names:
                yield (key, number), f"no promise names {name!r}"


def _files(promise: Promise, runbook: Runbook, root: Path) -> Found:
    """Experiments and crowds are there, or planned."""
    named = (
        (
            "experiment",
            promise.experiment,
            ("alert", "proven_by") if promise.alert else ("drill", "experiment"),
        ),
        ("crowd", promise.crowd, ("drill", "under") if promise.drill else ("capacity", "crowd")),
    )
    planned = {"experiment": runbook.planned.experiments, "crowd": runbook.planned.crowds}
    for what, name, at in named:
        if name and name not in planned[what]:
            yield from _file(name, at, what, root)


def _references(promise: Promise, written: Written) -> Found:
    """Names of other promises."""
    if promise.restore and promise.restore.backup not in written.ids():
        yield ("restore", "backup"), _unknown(promise.restore.backup, "promise", written.ids())
    for number, name in enumerate(promise.capacity.keeps if promise.capacity else ()):
        if name not in written.ids():
            yield ("capacity", "keeps", number), _unknown(name, "promise", written.ids())
        elif name == promise.id:
            yield ("capacity", "keeps", number), "a promise cannot keep itself"
    if promise.measured_part and promise.measured_part.alert not in written.ids("alert"):
        yield ("measured_part", "alert"), _unknown(promise.measured_part.alert, "alert", written.ids("alert"))


_PLACES: dict[str, Callable[[str], str]] = {"experiment": experiment_file, "crowd": crowd_file}


def _file(name: str, at: Location, what: str, root: Path) -> Found:
    place = _PLACES[what](name)
    if name != SYNTHETIC and not (root / place).is_file():
        yield at, f"there is no {what} {name!r}: {place} is missing"


def _front_faults(written: Written) -> Iterator[Mistake]:
    for below, says in _front_found(written.front.model, written):
        yield written.front.wrong(below, says)


def _front_found(front: FrontPage, written: Written) -> Found:
    for name, target in front.targets.items():
        if target.profile not in front.profiles:
            yield ("targets", name, "profile"), _unknown(target.profile, "profile", front.profiles)
    waived = [waiver.promise for waiver in front.waivers]
    for number, waiver in enumerate(front.waivers):
        if waiver.promise in waived[:number]:
            yield ("waivers", number, "promise"), f"{waiver.promise!r} is waived twice"
        if waiver.promise not in written.ids():
            yield ("waivers", number, "promise"), _unknown(waiver.promise, "promise", written.ids())
    slugs = [runbook.model.runbook for runbook in written.runbooks]
    for name, gameday in front.gamedays.items():
        for slug in gameday.slugs:
            if slug not in slugs:
                key = "runbook" if gameday.runbook else "runbooks"
                yield ("gamedays", name, key), _unknown(slug, "runbook", slugs)
        for key, what in (("experiments", "experiment"), ("crowds", "crowd")):
            for number, each in enumerate(getattr(gameday, key)):
                if each != EVERY:
                    yield from _file(each, ("gamedays", name, key, number), what, written.root)
        for number, each in enumerate(gameday.restores):
            if each not in written.ids("restore"):
                yield (
                    ("gamedays", name, "restores", number),
                    _unknown(each, "restore", written.ids("restore")),
                )


def _unknown(name: str, what: str, known: Iterable[str]) -> str:
    return f"there is no {what} {name!r}{hint(name, known)}"
