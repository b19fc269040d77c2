"""An experiment under load, run by Chaos Toolkit in a child of its own; what it proves is re-derived, not believed.

The child's exit code says nothing: an unmet gate and a failed action end as 0. The journal, the noted hops and the
crowd's lines say what happened; the ledger says what is still to be undone.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import rundrill
from rundrill import bounds, child, hops, ledger
from rundrill.crowd import Crowd
from rundrill.drilled import drill_seen, says, seen_of
from rundrill.errors import Interrupted, NoEvidence, RundrillError
from rundrill.evidence import DrillSeen, Raw
from rundrill.measure.load import Load, at_work, find, own_directory
from rundrill.promise import Promise
from rundrill.reading import read_yaml
from rundrill.session import Session
from rundrill.territory import configuration_of, platforms_taken

LASTS = timedelta(minutes=40)
"""No experiment is longer: after this it is interrupted, and what it did is undone."""
LOOKS_EVERY_S = 0.3
ROLLS_BACK_WITHIN = timedelta(minutes=5)
type Drilled = tuple[DrillSeen, tuple[Raw, ...]]

_WATCHING = ("alert_is_quiet", "alert_arrives", "alert_resolves")


def prove(name: str, promise: Promise, session: Session) -> Drilled:
    """What one run of the experiment showed; NoEvidence, and nothing is run, where it could not prove this promise."""
    content = read_yaml(find(session.policy, "experiments", f"{name}.yaml")).content
    if wrong := mismatch(promise, content if isinstance(content, dict) else {}):
        raise NoEvidence(f"{name} does not prove this: {wrong}")
    seen, raws = run_experiment(name, session)
    return seen_of(promise, seen), raws


def mismatch(promise: Promise, experiment: Mapping[str, Any]) -> str | None:
    """Why an experiment cannot prove a promise: it watches another alert, or runs under another crowd."""
    gate = (experiment.get("steady-state-hypothesis") or {}).get("probes") or []
    acts = [step.get("provider") or {} for step in (*gate, *(experiment.get("method") or []))]
    watching = [act for act in acts if act.get("func") in _WATCHING]
    watched = {(str(act["func"]), str((act.get("arguments") or {}).get("id"))) for act in watching}
    # It may watch others too, but what it asks of any alert it must ask of this one.
    if promise.alert and (not watched or any((func, promise.id) not in watched for func, _ in watched)):
        return f"it watches {', '.join(sorted({id for _, id in watched})) or 'no alert'}"
    crowd = (experiment.get("configuration") or {}).get("crowd")
    # A promise that names no crowd may be proven under any, by what must be so in the end.
    if promise.drill and promise.drill.under is not None and crowd != promise.drill.under:
        return f"it runs under {crowd}, promised under {promise.drill.under}"
    return None


def run_experiment(name: str, session: Session) -> Drilled:
    """What one run of the experiment showed, run once a session, however many promises rest on it.

    Raises NoEvidence where it left no journal, UndoError where its fault may still be there, and KeyboardInterrupt
    after a signal, when all is undone.
    """
    drilled = session.cached(("open", "drill", name), lambda: _tried(name, session))
    if isinstance(drilled, RundrillError):
        raise drilled
    return drilled


def _tried(name: str, session: Session) -> Drilled | RundrillError:
    """What it showed, or why it showed nothing: each of its promises gets the same answer, and no second run."""
    try:
        return _run(name, session)
    except Interrupted:
        raise
    except RundrillError as problem:
        return problem


def _run(name: str, session: Session) -> Drilled:
    path = find(session.policy, "experiments", f"{name}.yaml")
    configuration = configuration_of(path)
    with platforms_taken(name, configuration, session) as platforms:
        return _drill(path, configuration, session, platforms)


def _drill(
    path: Path, configuration: Mapping[str, Any], session: Session, platforms: tuple[str, ...]
) -> Drilled:
    name, slug = path.stem, platforms[0]
    drill = own_directory(session.directory, name)
    started = datetime.now(UTC)
    lines = drill / child.LINES
    crowd, interrupted = Crowd(lines), False
    with _crowd(configuration, session, slug, lines) as load:
        try:
            interrupted = _conduct(path, session, drill, platforms)
        finally:
            _undo_what_is_left(session, drill, name)
            crowd = load.stop() if load else crowd
        if interrupted:
            raise KeyboardInterrupt(
                f"{name}: interrupted; {says(drill, 'undone') or 'no fault was in place'}"
            )
        if load:
            load.check_tunnel()
    seen, raws = drill_seen(name, drill, crowd, (started, datetime.now(UTC)))
    others, alerts = _other_alerts(name, slug, session, started)
    return replace(seen, other_alerts=others), (*raws, alerts, _notifications(slug, session, started))


def _crowd(
    configuration: Mapping[str, Any], session: Session, slug: str, lines: Path
) -> contextlib.AbstractContextManager[Load | None]:
    """The experiment's crowd at work; none where it has none."""
    name = configuration.get("crowd")
    return at_work(session, slug, str(name), lines, LASTS) if name else contextlib.nullcontext()


def _conduct(path: Path, session: Session, drill: Path, platforms: tuple[str, ...]) -> bool:
    """Runs the experiment to its end; whether a signal cut it short."""
    process, cut = _start(path, session, drill, platforms), cut_of(session)
    deadline = time.monotonic() + LASTS.total_seconds()
    try:
        # SIGTERM, as a cancelled pipeline sends it, undoes as Ctrl-C does.
        with _signals({signal.SIGTERM: signal.default_int_handler}):
            while process.poll() is None and not cut.is_set() and time.monotonic() < deadline:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(LOOKS_EVERY_S)
    except KeyboardInterrupt:
        cut.set()
    finally:
        _interrupt(process)
        if process.poll() is None:
            process.kill()
            process.wait()
    return cut.is_set()


def cut_of(session: Session) -> threading.Event:
    """Set once a signal has ended the session: every experiment that is at work in it undoes, and ends."""
    return session.cached(("open", "cut"), threading.Event)


def _start(path: Path, session: Session, drill: Path, platforms: tuple[str, ...]) -> subprocess.Popen[bytes]:
    engine = str(Path(rundrill.__file__).resolve().parents[1])
    environment = os.environ | child.environment(session, drill, path.stem, platforms)
    environment["PYTHONPATH"] = os.pathsep.join([engine, *filter(None, [os.environ.get("PYTHONPATH")])])
    # Settings of our own: a file of the user's could change strategies.
    settings = bounds.write_settings(drill / "settings.json", _promised(path.stem, session))
    words = ["--no-version-check", "--no-log-file", "--settings", str(settings), "run"]
    words += ["--rollback-strategy", "always", "--journal-path", str(drill / "journal.json"), str(path)]
    with (drill / "chaos.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "chaostoolkit", *words],
            cwd=drill,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            # Its own session: a terminal's Ctrl-C comes to us alone.
            start_new_session=True,
        )


def _promised(name: str, session: Session) -> timedelta:
    """The longest time that a promise gives what this experiment does."""
    drills = [p.drill for p in session.policy.promises if p.drill and p.drill.experiment == name]
    return max((one.shown_within for one in drills), default=timedelta(0))


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    """One SIGTERM, which makes it roll back; further signals of an impatient terminal are not passed on.

    Not SIGINT: a child of a pipeline may have inherited that as ignored.
    """
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    deadline = datetime.now(UTC) + ROLLS_BACK_WITHIN
    while process.poll() is None and datetime.now(UTC) < deadline:
        with contextlib.suppress(KeyboardInterrupt, subprocess.TimeoutExpired):
            process.wait(1)


@contextlib.contextmanager
def _signals(answers: Mapping[int, Any]) -> Iterator[None]:
    """Signals answered like this for a while; only a main thread may say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, answer) for number, answer in answers.items()}
    try:
        yield
    finally:
        for number, answer in before.items():
            signal.signal(number, answer)


def _undo_what_is_left(session: Session, drill: Path, name: str) -> None:
    """What a killed child could not undo itself; UndoError where it cannot be undone from here either."""
    with _signals({signal.SIGINT: signal.SIG_IGN, signal.SIGTERM: signal.SIG_IGN}):
        for entry in ledger.undo_all(session, ledger.of_experiment(session.run, name)):
            hops.note(drill, "undone", datetime.now(UTC), "ledger", entry.proof or "")
    session.forget()


def _other_alerts(name: str, slug: str, session: Session, since: datetime) -> tuple[tuple[str, ...], Raw]:
    """Alerts that fired meanwhile and that this experiment does not set out to prove."""
    proven = {p.id for p in session.policy.promises if p.alert and p.alert.proven_by == name}
    now = datetime.now(UTC)
    query = f'ALERTS{{alertstate="firing"}}[{int((now - since).total_seconds()) + 1}s]'
    body = session.prometheus(slug).api("query", query=query, time=repr(now.timestamp()))
    labels = [series["metric"] for series in body["data"]["result"]]
    others = {str(one.get("alertname")) for one in labels if one.get("promise") not in proven}
    return tuple(sorted(others)), Raw("prometheus", query, body, now)


def _notifications(slug: str, session: Session, since: datetime) -> Raw:
    found = session.witness(slug).notifications(since=since)
    return Raw("witness", f"GET /notifications?since={since.isoformat()}", found, datetime.now(UTC))
