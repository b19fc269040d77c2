"""Ways in which a check could be green without having earned it. None of them may be."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from conftest import rows_of
from rundrill.counters import with_births
from rundrill.session import Session
from rundrill.target import ServiceAddress
from rundrill.verdict import Outcome
from rundrill.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.apart]

SLUG = "aic-aipaas"
PATIENCE = timedelta(seconds=30)

type Json = dict[str, Any]


def entry(runbook: Json, name: str) -> Json:
    return next(one for one in runbook["promises"] if one["id"] == f"{SLUG}.{name}")


def prometheus_is_away(slo: Json, runbook: Json) -> None:
    slo["targets"]["rundrill"]["platforms"][SLUG]["prometheus"]["service"] = "monitoring/prometheus:9999"


def alertmanager_is_away(slo: Json, runbook: Json) -> None:
    slo["targets"]["rundrill"]["platforms"][SLUG]["alertmanager"]["service"] = "monitoring/alertmanager:9999"


def counted_by(runbook: Json, series: str, more: str = "") -> None:
    for indicator in runbook["indicators"].values():
        boundary = ',le="$within"' if "$within" in indicator["good"] else ""
        indicator["good"] = f"sum(increase({series[:-1]}{boundary}}}[$window])){more}"
        indicator["total"] = f"sum(increase({series}[$window])){more}"
        indicator["also"] = {}


def nobody_counts(slo: Json, runbook: Json) -> None:
    counted_by(runbook, 'nobody_counts_this_total{job="canary"}')


def nothing_happens(slo: Json, runbook: Json) -> None:
    # A counter that is there, is scraped, and stands still: zero of zero is not 100 %.
    counted_by(runbook, 'http_requests_total{route="/health"}', " * 0")


def the_boundary_is_none(slo: Json, runbook: Json) -> None:
    entry(runbook, "slo.response-time")["objective"]["within"] = "222ms"


def the_window_is_longer_than_the_cluster(slo: Json, runbook: Json) -> None:
    slo["profiles"]["drill"]["objective_window"] = "30d"


OBJECTIVES = ("slo.availability", "slo.response-time", "slo.error-rate")


@pytest.mark.parametrize(
    ("change", "names", "words"),
    [
        pytest.param(prometheus_is_away, OBJECTIVES, "does not answer", id="objectives, Prometheus away"),
        pytest.param(
            prometheus_is_away,
            ("alert.service-down", "alert.high-error-rate", "cache.memory"),
            "does not answer",
            id="alerts and states, Prometheus away",
        ),
        pytest.param(
            alertmanager_is_away,
            ("alert.service-down", "alert.channel-info"),
            "does not answer",
            id="Alertmanager away",
        ),
        pytest.param(nobody_counts, OBJECTIVES, "no events", id="no samples"),
        pytest.param(nothing_happens, OBJECTIVES, "no events", id="zero of zero"),
        pytest.param(the_boundary_is_none, OBJECTIVES[1:2], "no such bucket boundary", id="no such bucket"),
        pytest.param(
            the_window_is_longer_than_the_cluster,
            OBJECTIVES,
            "of the 30 d window has samples",
            id="half a window",
        ),
    ],
)
def test_what_cannot_be_measured_is_unknown(
    policy_with: Callable[..., Path], change: Any, names: tuple[str, ...], words: str
) -> None:
    for row in rows_of(policy_with(change), [f"{SLUG}.{name}" for name in names]).values():
        assert row.verdict.outcome is Outcome.UNKNOWN, row.verdict
        assert words in row.verdict.reason


def a_rule_was_never_loaded(slo: Json, runbook: Json) -> None:
    old, new = f"{SLUG}.alert.disk-low", f"{SLUG}.alert.disks-low"
    entry(runbook, "alert.disk-low")["id"] = new
    for one in runbook["promises"]:
        if one.get("measured_part", {}).get("alert") == old:
            one["measured_part"]["alert"] = new


def a_threshold_differs(slo: Json, runbook: Json) -> None:
    alert = entry(runbook, "alert.high-error-rate")["alert"]
    alert["when"] = alert["when"].replace("0.05", "0.01")


def a_severity_differs(slo: Json, runbook: Json) -> None:
    for name in ("alert.db-pool",):
        entry(runbook, name)["alert"].update(
            severity="warning", receivers=["slack-alerts-warning", "email-ops"]
        )


def a_receiver_is_missing(slo: Json, runbook: Json) -> None:
    entry(runbook, "alert.db-pool")["alert"]["receivers"] = [
        "pagerduty-critical",
        "slack-alerts-critical",
        "email-ops",
    ]


@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        pytest.param(a_rule_was_never_loaded, "alert.disks-low", "no rule with promise=", id="no rule"),
        pytest.param(a_threshold_differs, "alert.high-error-rate", "0.05", id="another threshold"),
        pytest.param(a_severity_differs, "alert.db-pool", "severity", id="another severity"),
        pytest.param(
            a_receiver_is_missing, "alert.db-pool", "the loaded route leads to", id="another receiver"
        ),
    ],
)
def test_an_alert_that_is_wired_otherwise_is_missed(
    policy_with: Callable[..., Path], change: Any, name: str, words: str
) -> None:
    (row,) = rows_of(policy_with(change), [f"{SLUG}.{name}"]).values()
    assert row.verdict.outcome is Outcome.MISSED, row.verdict
    assert words in row.verdict.reason


def state(probe: Json, **expect: Any) -> Json:
    return {"probe": probe, "expect": {name: {"equals": value} for name, value in expect.items()}}


@pytest.mark.parametrize(
    ("probe", "verdict"),
    [
        pytest.param(state({"workload": {"kind": "Deployment", "selector": "app=nobody"}}, ready=1), "UNKNOWN", id="no workload"),
        pytest.param(
            state({"workload": {"namespace": "microservices", "kind": "Deployment", "names": ["nobody"]}}, ready=1),
            "MISSED",
            id="a workload by name",
        ),
        pytest.param(state({"object": {"api": "v1/ConfigMap", "names": ["nobody"]}}, found=True), "MISSED", id="an object by name"),
        pytest.param(
            state({"object": {"api": "nobody.example/v1/Thing", "selector": "a=b"}}, found=True), "UNKNOWN", id="an unknown kind"
        ),
        pytest.param(state({"promql": {"query": "nobody_measures_this"}}, value=1), "UNKNOWN", id="no series"),
        pytest.param(state({"sql": {"query": "SELECT 1 AS one WHERE false"}}, one=1), "UNKNOWN", id="no row"),
        pytest.param(state({"sql": {"query": "SELECT one FROM nobody"}}, one=1), "UNKNOWN", id="no table"),
        pytest.param(state({"sql": {"query": "CREATE TABLE t (); SELECT 1 AS one"}}, one=1), "UNKNOWN", id="a query that writes"),
        pytest.param(state({"redis": {"command": "FLUSHALL"}}, reply="OK"), "UNKNOWN", id="a command that writes"),
        pytest.param(state({"postgres-setting": {"setting": "nobody.knows"}}, value="1"), "UNKNOWN", id="no setting"),
        pytest.param(
            state({"logs": {"namespace": "microservices", "selector": "app=nobody"}}, lines=1), "UNKNOWN", id="no pod to read"
        ),
        pytest.param(
            state({"in-pod": {"namespace": "microservices", "selector": "app=nobody", "command": "true"}}, exit_status=0),
            "UNKNOWN",
            id="no pod to look into",
        ),
        pytest.param(
            state({"http": {"service": "microservices/nobody:80", "path": "/"}}, status=200), "MISSED", id="no service"
        ),
        pytest.param(
            state({"http": {"service": "microservices/auth-service:8000", "path": "/health"}}, **{"json.no.such": 1}),
            "UNKNOWN",
            id="a fact that is not there",
        ),
    ],
)  # fmt: skip
def test_a_state_without_anything_to_look_at_is_never_met(
    policy_with: Callable[..., Path], probe: Json, verdict: str
) -> None:
    path = policy_with(lambda slo, runbook: entry(runbook, "cache.ping").update(state=probe))
    (row,) = rows_of(path, [f"{SLUG}.cache.ping"]).values()
    assert row.verdict.outcome == verdict, row.verdict
    assert row.verdict.reason


@contextmanager
def without_shared_configuration(session: Session) -> Iterator[None]:
    kept = session.kube.one("v1/ConfigMap", "microservices", "app-config")
    kept["metadata"] = {
        key: kept["metadata"][key] for key in ("name", "labels", "annotations") if key in kept["metadata"]
    }
    session.kube.delete("v1/ConfigMap", "microservices", "app-config")
    try:
        yield
    finally:
        session.kube.create("v1/ConfigMap", "microservices", kept)


@contextmanager
def with_dear_random_pages(session: Session) -> Iterator[None]:
    def say(sql: str) -> None:
        command = ["psql", "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-c", sql]
        done = session.kube.exec("data-services", "postgresql-0", "postgresql", command)
        assert done.code == 0, done.stderr

    say("ALTER ROLE aic_app SET random_page_cost = 4")
    try:
        yield
    finally:
        say("ALTER ROLE aic_app RESET random_page_cost")


@contextmanager
def without_schema_service(session: Session) -> Iterator[None]:
    def scaled(replicas: int) -> None:
        session.kube.patch(
            "apps/v1/Deployment", "data-services", "schema-service", {"spec": {"replicas": replicas}}
        )

    def ready() -> int:
        found = session.kube.one("apps/v1/Deployment", "data-services", "schema-service")
        return int(found["status"].get("readyReplicas", 0))

    before = session.kube.one("apps/v1/Deployment", "data-services", "schema-service")["spec"]["replicas"]
    scaled(0)
    try:
        assert until(lambda: ready() == 0 or None, PATIENCE)
        yield
    finally:
        scaled(before)
        assert until(lambda: ready() == before or None, timedelta(minutes=2))


@pytest.mark.parametrize(
    ("broken", "missed", "words"),
    [
        pytest.param(
            without_shared_configuration,
            {"config.app-config"},
            "app-config is not there",
            id="a missing ConfigMap",
        ),
        pytest.param(
            with_dear_random_pages,
            {"config.pg-random-page-cost"},
            "overridden",
            id="a setting overridden for a role",
        ),
        pytest.param(
            without_schema_service,
            {"health.service-endpoints"},
            "schema-service",
            id="a service without pods",
        ),
    ],
)
def test_a_breakage_misses_its_own_promise_and_no_other(
    checks: Any, session: Session, broken: Callable[[Session], Any], missed: set[str], words: str
) -> None:
    # The users' objectives and the counters see other tests' faults too; settings and objects do not.
    groups = ("config.", "security.", "health.", "database.", "backup.")
    names = [
        promise.id
        for promise in session.policy.runbook(SLUG).promises
        if promise.id.partition(".")[2].startswith(groups)
    ]
    only = [word for name in names for word in ("--only", name)]
    before = {name for name, row in checks.rows(*only).items() if row["verdict"] == "MISSED"}
    with broken(session):
        rows = checks.rows(*only)
    assert {name for name, row in rows.items() if row["verdict"] == "MISSED"} - before == missed
    for name in missed:
        assert words in rows[name]["reason"]


def test_the_first_failures_of_a_kind_are_counted(session: Session) -> None:
    """`increase()` alone takes a series' first sample for no growth, and so loses them."""
    server, window, tries = session.prometheus(SLUG), "20s", 7
    series = 'http_requests_total{job="schema-service",code="405"}'
    address = ServiceAddress(service="data-services/schema-service:8000")
    for _ in range(tries):
        status, _ = session.kube.service_post(address, "/health", {})
        assert status == 405

    def counted(query: str) -> float:
        found = server.query(f"sum({query})", datetime.now(UTC)).series
        return found[0].value if found else 0.0

    honest = with_births(f"increase({series}[{window}])")
    assert until(lambda: counted(honest) > tries - 0.5 or None, timedelta(seconds=10)), counted(honest)


def test_a_report_says_nothing_green_when_everything_is_away(
    checks: Any, policy_with: Callable[..., Any]
) -> None:
    def all_away(slo: Json, runbook: Json) -> None:
        platform = slo["targets"]["rundrill"]["platforms"][SLUG]
        for server in ("prometheus", "alertmanager"):
            platform[server]["service"] = f"nowhere/{server}:1"
        for database in (*platform["postgres"].values(), platform["redis"]):
            database["service"] = "nowhere/database:1"

    report = checks.run("--policy", str(policy_with(all_away)))
    sources = (
        "slo.",
        "alert.",
        "cache.ping",
        "cache.info",
        "cache.memory",
        "observability.system",
        "observability.infra",
        "config.pg",
        "database.size",
    )
    away = [row for row in report["promises"] if row["runbook"] == SLUG]
    rows = [row for row in away if row["id"].partition(".")[2].startswith(sources)]
    assert rows
    assert not [row["id"] for row in rows if row["verdict"] == "MET"], json.dumps(rows)[:2000]
