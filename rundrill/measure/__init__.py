"""What is seen of a promise on a target: one file a source; only this one knows them all."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from rundrill.asking import Seen, StateAnswer, answered
from rundrill.errors import NoEvidence, TargetError
from rundrill.evidence import AlertSeen, DrillSeen, Evidence, Raw, StateSeen
from rundrill.measure.alert import see_wiring
from rundrill.measure.attestation import see_record
from rundrill.measure.certificates import see_certificate, see_tls
from rundrill.measure.claims import see_claims
from rundrill.measure.config import see_config
from rundrill.measure.databases import see_redis, see_setting, see_sql
from rundrill.measure.exports import see_export
from rundrill.measure.happenings import see_events
from rundrill.measure.http import see_http
from rundrill.measure.kafka import see_kafka
from rundrill.measure.network import see_dns, see_network
from rundrill.measure.objective import see_objective
from rundrill.measure.objects import see_objects
from rundrill.measure.pods import see_in_pod, see_logs
from rundrill.measure.promql import see_promql
from rundrill.measure.records import see_commit, see_verdicts
from rundrill.measure.rights import see_access, see_accounts, see_rbac
from rundrill.measure.rules import see_rule
from rundrill.measure.secrets import see_secrets
from rundrill.measure.synthetic import NAME, try_channel
from rundrill.measure.workloads import see_workloads
from rundrill.probe import Probe
from rundrill.promise import Promise, Question
from rundrill.session import Session
from rundrill.spent import refuse_spent


def measure(promise: Promise, session: Session) -> Evidence:
    """What was seen; NoEvidence where it could not be, TargetError where the target refuses to show it."""
    match promise.kind:
        case "objective":
            return _evidence(promise, "prometheus", see_objective(promise, session))
        case "alert":
            return _evidence(promise, "prometheus, alertmanager", _see_alert(promise, session))
        case "state":
            return _see_state(promise, session)
        case "attestation":
            return _evidence(promise, "attestations", see_record(promise, session.policy.records))
        case "drill":
            assert promise.drill is not None
            return _evidence(promise, "chaos", _run_experiment(promise.drill.experiment, promise, session))
        case "restore":
            from rundrill.restore import measure_restore

            return measure_restore(promise, session)
        case "capacity":
            return _evidence(promise, "load", _see_capacity(promise, session))


def _evidence(promise: Promise, source: str, seen: Seen) -> Evidence:
    facts, raw = seen
    return Evidence(promise.id, source, datetime.now(UTC), facts, raw)


def _see_alert(promise: Promise, session: Session) -> Seen:
    """Rule and route; and a drill of it, where this session may run one."""
    assert promise.alert is not None
    rule, route, raw = see_wiring(promise, session)
    unwritten = session.policy.runbook(session.slug(promise)).unwritten(promise)
    if unwritten or not session.may_run(promise.alert.proven_by):
        return AlertSeen(rule, route, None, unwritten), raw
    drill, more = _run_experiment(promise.alert.proven_by, promise, session)
    return AlertSeen(rule, route, drill), (*raw, *more)


def _run_experiment(name: str, promise: Promise, session: Session) -> tuple[DrillSeen, tuple[Raw, ...]]:
    if not session.may_run(name):
        raise NoEvidence(f"{promise.id}: {name} needs --disruptive")
    if name == NAME:
        return try_channel(promise, session)
    from rundrill.measure.chaos import prove

    refuse_spent(session, session.slug(promise), see_objective)
    return prove(name, promise, session)


def _see_state(promise: Promise, session: Session) -> Evidence:
    """What each question saw; one of several that was not answered leaves a gap, and the others go on."""
    assert promise.state is not None
    slug, state = session.slug(promise), promise.state
    if not state.also:
        source, seen = ask(state.probe, session, slug)
        return _evidence(promise, source, seen)
    answers = [_answer_to(question, session, slug) for question in (state, *state.also)]
    sources = ", ".join(dict.fromkeys(source for source, _ in answers))
    (first, raw), *others = [seen for _, seen in answers]
    whole = replace(first, also=tuple(one for one, _ in others))
    return _evidence(promise, sources, (whole, (*raw, *(each for _, more in others for each in more))))


def _answer_to(question: Question, session: Session, slug: str) -> tuple[str, StateAnswer]:
    try:
        return ask(question.probe, session, slug)
    except (NoEvidence, TargetError) as error:
        return question.probe.word, (StateSeen((), gap=str(error)), ())


def _see_capacity(promise: Promise, session: Session) -> Seen:
    """What a crowd got, while no other run is at work on the platform."""
    from rundrill.measure.load import see_capacity
    from rundrill.territory import platforms_taken

    assert promise.capacity is not None
    with platforms_taken(promise.capacity.crowd, {"runbook": session.slug(promise)}, session):
        return see_capacity(promise, session, _look_at)


def _look_at(question: Question, session: Session, slug: str) -> StateSeen:
    return ask(question.probe, session, slug)[1][0]


def ask(probe: Probe, session: Session, slug: str) -> tuple[str, StateAnswer]:
    """The source that a probe's word names, and what was seen there."""
    if probe.backup:
        from rundrill.restore import read_backup

        seen = read_backup(probe.backup, session, slug)
        asked = f"newest artefact of {probe.backup.backup}"
        return "backup", (seen, (answered("backup", asked, seen.readings),))
    if probe.word not in _SOURCES:
        raise NoEvidence(f"nothing measures the probe {probe.word!r} yet")
    source, see = _SOURCES[probe.word]
    return source, see(getattr(probe, probe.word), session, slug)


_SOURCES: dict[str, tuple[str, Callable[[Any, Session, str], StateAnswer]]] = {
    "http": ("http", see_http),
    "workload": ("kubernetes", see_workloads),
    "object": ("kubernetes", see_objects),
    "postgres_setting": ("postgres", see_setting),
    "sql": ("postgres", see_sql),
    "redis": ("redis", see_redis),
    "promql": ("prometheus", see_promql),
    "logs": ("logs", see_logs),
    "in_pod": ("in-pod", see_in_pod),
    "config": ("kubernetes", see_config),
    "secret": ("kubernetes", see_secrets),
    "access": ("kubernetes", see_access),
    "rbac": ("kubernetes", see_rbac),
    "accounts": ("kubernetes", see_accounts),
    "events": ("kubernetes", see_events),
    "claims": ("kubernetes", see_claims),
    "tls": ("tls", see_tls),
    "certificate": ("kubernetes", see_certificate),
    "kafka": ("kafka", see_kafka),
    "rule": ("prometheus", see_rule),
    "dns": ("in-pod", see_dns),
    "network": ("in-pod", see_network),
    "export": ("in-pod", see_export),
    "verdict": ("reports", see_verdicts),
    "commit": ("git", see_commit),
}
"""A probe's word -> where it is asked, and what asks there."""
