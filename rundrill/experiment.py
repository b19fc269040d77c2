"""What is wrong with an experiment, as far as its file tells: read offline, nothing touched."""

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from rundrill.bounds import bound_of
from rundrill.errors import PolicyError
from rundrill.policy import Policy
from rundrill.promise import Promise
from rundrill.reading import read_yaml

FAULTS, UNDO = "rundrill.faults.", "rundrill.faults.undo"
GIVEN = frozenset({"configuration", "secrets"})
"""Arguments that Chaos Toolkit fills in itself."""
STATIONS = {
    "alert_is_quiet": "must be quiet before",
    "alert_arrives": "must be seen to arrive",
    "alert_resolves": "must be seen to be resolved",
}


@dataclass(frozen=True)
class Step:
    """One activity: where it stands, and what it calls with what."""

    part: str
    """gate, method or rollbacks."""
    name: str
    module: str
    func: str
    arguments: Mapping[str, Any]
    unbound: str | None = None
    """Why no time-out would end it."""


@dataclass(frozen=True)
class Experiment:
    """An experiment's file as data."""

    name: str
    configuration: Mapping[str, Any]
    steps: tuple[Step, ...]

    def calls(self, func: str, **arguments: str) -> bool:
        """Whether some step calls a function of that name with these arguments."""
        return any(
            step.func == func and arguments.items() <= {**step.arguments}.items() for step in self.steps
        )


def read_experiment(path: Path) -> Experiment:
    """The experiment of that file; PolicyError where it is none."""
    content = read_yaml(path).content
    configuration = content.get("configuration") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(configuration, dict):
        raise PolicyError(f"{path}: expected an experiment with a configuration")
    gate = (content.get("steady-state-hypothesis") or {}).get("probes") or []
    parts = {"gate": gate, "method": content.get("method") or [], "rollbacks": content.get("rollbacks") or []}
    steps = tuple(_step(part, one) for part, listed in parts.items() for one in listed)
    return Experiment(path.stem, configuration, steps)


def flaws(experiment: Experiment, policy: Policy) -> Iterator[str]:
    """Why it could not run, or not prove what rests on it; one line each."""
    for step in experiment.steps:
        if why := step.unbound or _why_not_called(step, policy):
            yield f"{step.name}: {why}"
        for text in _reworded(step.arguments, experiment.configuration):
            yield f"{step.name}: Chaos Toolkit fills in what begins with a dollar, and would change {text!r}"
    if not any(
        s.part == "method" and s.module.startswith(FAULTS) and s.module != UNDO for s in experiment.steps
    ):
        yield "its method injects no fault and begins no procedure"
    if not any(s.part == "rollbacks" and s.module == UNDO for s in experiment.steps):
        yield f"its rollbacks do not call {UNDO}"
    yield from _proven_unasked(experiment)
    resting = [promise for promise in policy.promises if experiment.name in proofs(promise)]
    if not resting:
        yield "no promise rests on it"
    for promise in resting:
        yield from (f"{promise.id} {why}" for why in _why_not_proven(experiment, promise))


def proofs(promise: Promise) -> tuple[str, ...]:
    """The experiment that a promise rests on, where it rests on one."""
    if promise.alert:
        return (promise.alert.proven_by,)
    return (promise.drill.experiment,) if promise.drill else ()


def _step(part: str, said: Mapping[str, Any]) -> Step:
    provider = said.get("provider") or {}
    return Step(
        part,
        str(said.get("name")),
        str(provider.get("module")),
        str(provider.get("func")),
        provider.get("arguments") or {},
        _why_unbound(said),
    )


def _why_unbound(said: Mapping[str, Any]) -> str | None:
    """Time-outs are held by the thread that runs the method, around calls of Python."""
    if said.get("background"):
        return "runs in the background, where no time-out ends it"
    kind = (said.get("provider") or {}).get("type")
    if kind != "python":
        return f"is of the type {kind}, which no time-out ends"
    try:
        bound_of(said)
    except ValueError as error:
        return f"timeout: {error}"
    return None


def _proven_unasked(experiment: Experiment) -> Iterator[str]:
    """Proofs that may have been there before the fault, for all that the experiment knows."""
    asked = False
    for step in experiment.steps:
        asked = asked or step.func == "not_yet"
        if step.func == "proven" and not asked:
            yield f"{step.name}: proves what nobody looked for before the fault (not_yet)"


def _reworded(said: object, configuration: Mapping[str, Any]) -> Iterator[str]:
    """The beginning of each text that would reach its fault in other words than were written; `$$` is one dollar there."""
    if isinstance(said, str) and Template(said).safe_substitute(configuration) != said:
        yield said[:40]
    elif isinstance(said, Mapping):
        for one in said.values():
            yield from _reworded(one, configuration)
    elif isinstance(said, list):
        for one in said:
            yield from _reworded(one, configuration)


def _why_not_called(step: Step, policy: Policy) -> str | None:
    try:
        found = getattr(importlib.import_module(step.module), step.func)
    except (ImportError, AttributeError):
        return f"there is no {step.module}.{step.func}"
    if why := _why_not_bound(found, step.arguments):
        return f"{step.func}: {why}"
    known = {promise.id for promise in policy.promises}
    asked = step.arguments.get("id")
    return f"there is no promise {asked}" if asked is not None and asked not in known else None


def _why_not_bound(func: Callable[..., Any], arguments: Mapping[str, Any]) -> str | None:
    signature = inspect.signature(func)
    given = {name: None for name in signature.parameters if name in GIVEN}
    try:
        signature.bind(**{**given, **arguments})
    except TypeError as error:
        return str(error)
    return None


def _why_not_proven(experiment: Experiment, promise: Promise) -> Iterator[str]:
    if promise.alert:
        for func, words in STATIONS.items():
            if not experiment.calls(func, id=promise.id):
                yield f"{words}, and nothing asks ({func})"
    if promise.drill is None:
        return
    if promise.drill.then and not experiment.calls("is_done"):
        yield "says what must be so when it is done, and nothing asks (is_done)"
    crowd = experiment.configuration.get("crowd")
    # One that names no crowd may be proven under any.
    if promise.drill.under is not None and crowd != promise.drill.under:
        yield f"is promised under {promise.drill.under}, and it runs under {crowd or 'none'}"
