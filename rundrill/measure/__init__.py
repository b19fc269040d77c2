"""What is seen of a promise on a target: one file a source; only this one knows them all."""

from datetime import UTC, datetime

from rundrill.asking import Seen, answered
from rundrill.errors import NoEvidence
from rundrill.evidence import AlertSeen, DrillSeen, Evidence, Raw
from rundrill.measure.alert import see_wiring
from rundrill.measure.attestation import see_record
from rundrill.measure.databases import see_redis, see_setting, see_sql
from rundrill.measure.http import see_http
from rundrill.measure.objective import see_objective
from rundrill.measure.objects import see_objects
from rundrill.measure.pods import see_in_pod, see_logs
from rundrill.measure.promql import see_promql
from rundrill.measure.synthetic import NAME, try_channel
from rundrill.measure.workloads import see_workloads
from rundrill.probe import Probe
from rundrill.promise import Promise
from rundrill.session import Session


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
            from rundrill.measure.load import see_capacity

            return _evidence(promise, "load", see_capacity(promise, session))


def _evidence(promise: Promise, source: str, seen: Seen) -> Evidence:
    facts, raw = seen
    return Evidence(promise.id, source, datetime.now(UTC), facts, raw)


def _see_alert(promise: Promise, session: Session) -> Seen:
    """Rule and route; and a drill of it, where this session may run one."""
    assert promise.alert is not None
    rule, route, raw = see_wiring(promise, session)
    if not session.may_run(promise.alert.proven_by):
        return AlertSeen(rule, route, None), raw
    drill, more = _run_experiment(promise.alert.proven_by, promise, session)
    return AlertSeen(rule, route, drill), (*raw, *more)


def _run_experiment(name: str, promise: Promise, session: Session) -> tuple[DrillSeen, tuple[Raw, ...]]:
    if not session.may_run(name):
        raise NoEvidence(f"{promise.id}: {name} needs --disruptive")
    if name == NAME:
        return try_channel(promise, session)
    from rundrill.measure.chaos import prove

    return prove(name, promise, session)


def _see_state(promise: Promise, session: Session) -> Evidence:
    assert promise.state is not None
    source, seen = _probed(promise.state.probe, session, session.slug(promise))
    return _evidence(promise, source, seen)


def _probed(probe: Probe, session: Session, slug: str) -> tuple[str, Seen]:
    """The source that a probe's word names, and what was seen there."""
    if probe.http:
        return "http", see_http(probe.http, session, slug)
    if probe.workload:
        return "kubernetes", see_workloads(probe.workload, session, slug)
    if probe.object:
        return "kubernetes", see_objects(probe.object, session, slug)
    if probe.postgres_setting:
        return "postgres", see_setting(probe.postgres_setting, session, slug)
    if probe.sql:
        return "postgres", see_sql(probe.sql, session, slug)
    if probe.redis:
        return "redis", see_redis(probe.redis, session, slug)
    if probe.promql:
        return "prometheus", see_promql(probe.promql, session, slug)
    if probe.logs:
        return "logs", see_logs(probe.logs, session, slug)
    if probe.in_pod:
        return "in-pod", see_in_pod(probe.in_pod, session, slug)
    from rundrill.restore import read_backup

    assert probe.backup is not None
    seen = read_backup(probe.backup, session, slug)
    return "backup", (seen, (answered("backup", f"newest artefact of {probe.backup.backup}", seen.readings),))
