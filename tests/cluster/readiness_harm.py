"""What can be broken in platform ai-data-readiness, and how each is mended again."""

import contextlib
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from rundrill.gateway.kubernetes import Json, NotFound
from rundrill.session import Session
from rundrill.waiting import until

SLUG = SPACE = "ai-data-readiness"
SOON = timedelta(seconds=40)
A_JOB = timedelta(seconds=90)

# The promise, what breaks it in the database, what undoes that, and what the promise must say.
IN_THE_DATABASE = [
    (
        "health.dashboard",
        "UPDATE health_checks SET day = day - 200 WHERE day = current_date - 3",
        "UPDATE health_checks SET day = day + 200 WHERE day = current_date - 203",
        r"days_recorded is 6, expected 7",
    ),
    (
        "observability.recent-alerts",
        "INSERT INTO alerts VALUES ('unanswered', now() - interval '20 minutes', 'Unanswered', 'critical', now())",
        "DELETE FROM alerts WHERE fingerprint = 'unanswered'",
        r"unanswered is 1, expected 0",
    ),
    (
        "maintenance.weekly-performance-trends",
        "UPDATE daily_figures SET day = day - 200 WHERE day < current_date - 6",
        "UPDATE daily_figures SET day = day + 200 WHERE day < current_date - 150",
        r"days_before is 0",
    ),
    (
        "maintenance.weekly-capacity-review",
        "UPDATE capacity_samples SET used_bytes = used_bytes + 1.1e8 * (30 + day - current_date)"
        " WHERE resource = 'database' AND day < current_date",
        "UPDATE capacity_samples SET used_bytes = used_bytes - 1.1e8 * (30 + day - current_date)"
        " WHERE resource = 'database' AND day < current_date",
        r"database: days_left is \d",
    ),
    (
        "maintenance.weekly-docs",
        "UPDATE document_reviews SET reviewed_at = reviewed_at - interval '10 days'",
        "UPDATE document_reviews SET reviewed_at = reviewed_at + interval '10 days'",
        r"operational-runbooks: age is ",
    ),
    (
        "incident.p1-post-incident",
        "UPDATE post_mortems SET published_at = published_at + interval '9 days'",
        "UPDATE post_mortems SET published_at = published_at - interval '9 days'",
        r"no pod of the application answered: published_after is ",
    ),
    (
        "incident.p2",
        "UPDATE business_hours SET closes = '08:30'",
        "UPDATE business_hours SET closes = '18:00'",
        r"in_business_hours is false",
    ),
    (
        "incident.p3",
        "UPDATE notices SET kind = 'forgotten' WHERE kind = 'workaround'",
        "UPDATE notices SET kind = 'workaround' WHERE kind = 'forgotten'",
        r"workaround_told is false",
    ),
    (
        "security.user-accounts",
        "INSERT INTO accounts (username, role) VALUES ('intruder', 'operator')",
        "DELETE FROM accounts WHERE username = 'intruder'",
        r"unapproved is intruder",
    ),
    (
        "security.policies-updated",
        "UPDATE changes SET kind = 'none' WHERE kind = 'security-policy'",
        "UPDATE changes SET kind = 'security-policy' WHERE kind = 'none'",
        r"changes is 0",
    ),
    (
        "maintenance.pre-notice",
        "UPDATE notices SET sent_at = sent_at + interval '6 days' WHERE kind = 'maintenance-ahead'",
        "UPDATE notices SET sent_at = sent_at - interval '6 days' WHERE kind = 'maintenance-ahead'",
        r"minor release: told_before is ",
    ),
    (
        "maintenance.pre-preparation",
        "UPDATE maintenance_windows SET staging_revision = 'r40' WHERE staging_revision = 'r41'",
        "UPDATE maintenance_windows SET staging_revision = 'r41' WHERE staging_revision = 'r40'",
        r"applied_revision is r41",
    ),
    (
        "maintenance.post-checks",
        "UPDATE maintenance_checks SET health_status = 503 WHERE at = (SELECT max(at) FROM maintenance_checks)",
        "UPDATE maintenance_checks SET health_status = 200 WHERE health_status = 503",
        r"unwell is 1",
    ),
    (
        "observability.pipeline-error-rate",
        "INSERT INTO processing_jobs (pipeline, dataset_id, status, stage, worker, error, completed_at)"
        " SELECT 'readiness', 1, 'failed', 'clean', 'broken', 'on purpose', now() FROM generate_series(1, 300)",
        "DELETE FROM processing_jobs WHERE worker = 'broken'",
        r"failed is 0\.\d",
    ),
    (
        "observability.processing-times",
        "INSERT INTO processing_jobs (pipeline, dataset_id, status, stage, worker, created_at, completed_at)"
        " SELECT 'readiness', 1, 'completed', 'publish', 'slow', now() - interval '1 hour', now() FROM generate_series(1, 100)",
        "DELETE FROM processing_jobs WHERE worker = 'slow'",
        r"slower_by is ",
    ),
    (
        "database.recent-jobs",
        # Its worker says that it lives, so no other takes it over.
        "INSERT INTO processing_jobs (pipeline, dataset_id, status, worker, created_at, started_at, heartbeat_at)"
        " VALUES ('readiness', 1, 'running', 'hanging', now() - interval '30 hours', now() - interval '30 hours', now() + interval '1 day')",
        "DELETE FROM processing_jobs WHERE worker = 'hanging'",
        r"overdue is \d+",
    ),
    (
        "observability.output-validation",
        "UPDATE datasets SET row_count = row_count + 1000 WHERE id = (SELECT max(id) FROM datasets WHERE kind = 'output')",
        "UPDATE datasets SET row_count = row_count - 1000 WHERE kind = 'output' AND row_count > 1000",
        r"json\.invalid is 1, expected 0",
    ),
]


def psql(session: Session, *statements: str, server: str = "primary") -> None:
    """These statements in one session beside the server: no way into the cluster that could break half-way."""
    said = [word for statement in ("SET ROLE adr_owner", *statements) for word in ("-c", statement)]
    in_pod(session, server, ["psql", "-qXAt", "-v", "ON_ERROR_STOP=1", "-d", SLUG.replace("-", "_"), *said])


def in_pod(session: Session, server: str, argv: list[str]) -> None:
    done = session.kube.exec(SPACE, f"ai-data-readiness-{server}-0", "postgresql", argv)
    assert done.code == 0, done


def break_the_database(session: Session, undoing: contextlib.ExitStack) -> None:
    for _, _, mending, _ in IN_THE_DATABASE:
        undoing.callback(psql, session, mending)
    psql(session, *(breaking for _, breaking, _, _ in IN_THE_DATABASE))


def make_an_unindexed_table(session: Session, undoing: contextlib.ExitStack) -> None:
    undoing.callback(psql, session, "DROP TABLE unindexed")
    psql(
        session,
        "DROP TABLE IF EXISTS unindexed",
        "CREATE TABLE unindexed AS SELECT n, repeat('x', 150) AS filling FROM generate_series(1, 20000) n",
        "VACUUM ANALYZE unindexed",
    )
    undoing.callback(in_pod, session, "primary", ["psql", "-qXd", "postgres", "-c", END.format("forgotten")])
    in_pod(session, "primary", ["bash", "-c", FORGET])
    psql(session, "UPDATE unindexed SET filling = repeat('y', 150) WHERE n <= 16000")
    reading = ["SELECT count(*) FROM unindexed WHERE n = 7"] * 3
    assert until(lambda: _done(lambda: psql(session, *reading, server="replica")), SOON)


def _done(act: Callable[[], None]) -> bool:
    with contextlib.suppress(AssertionError):
        act()
        return True
    return False


def take_connections(session: Session, undoing: contextlib.ExitStack) -> None:
    """As many idle sessions as fill the server to 84%."""
    undoing.callback(in_pod, session, "primary", ["psql", "-qXd", "postgres", "-c", END.format("taken")])
    pod = session.kube.items("v1/Pod", SPACE, selector="app=ai-data-readiness-app")[0]["metadata"]["name"]
    done = session.kube.exec(SPACE, pod, "app", ["bash", "-c", TAKE, HOLD])
    assert done.code == 0, done


END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{}'"
# A transaction that somebody began and forgot: no dead row that it might still see can be removed.
FORGET = """
export PGAPPNAME=forgotten
begin='BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM unindexed;'
setsid bash -c "(echo '$begin'; sleep 150) | psql -qXd ai_data_readiness" < /dev/null > /dev/null 2>&1 &
until psql -XAtd postgres -c "SELECT 1 FROM pg_stat_activity WHERE application_name = 'forgotten' AND state = 'idle in transaction'" | grep -q 1
do sleep 0.2; done
"""
# One process beside the application holds them all; it says that it does, and ends when they are ended.
HOLD = """
import os, psycopg, time
url = os.environ["DATABASE_URL"] + "?application_name=taken"
held = [psycopg.connect(url, autocommit=True)]
count = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
while len(held) < 100 and held[0].execute(count).fetchone()[0] < 84:
    held.append(psycopg.connect(url, autocommit=True))
open("/tmp/held", "w").close()
time.sleep(150)
"""
TAKE = """
rm -f /tmp/held; setsid python3 -c "$0" < /dev/null > /dev/null 2>&1 &
until [ -e /tmp/held ]; do sleep 0.2; done
"""


def ask_the_cache_in_vain(session: Session, undoing: contextlib.ExitStack) -> None:
    pod = session.kube.items("v1/Pod", SPACE, selector="app=redis")[0]["metadata"]["name"]
    ask = "for n in $(seq %d); do echo GET %s; done | redis-cli > /dev/null"
    run = partial(session.kube.exec, SPACE, pod, "redis")
    # In the end as many that are answered, so that the share of five minutes is what it was.
    undoing.callback(run, ["sh", "-c", "redis-cli SET cache:asked 1 EX 60; " + ask % (12000, "cache:asked")])
    run(["sh", "-c", ask % (2000, "cache:nothing")])


TRUNCATE = """
dump=$(readlink -f /backups/latest.sql.gz); cp -p "$dump" /tmp/kept
truncate -s -200 "$dump"; python3 -m services; cp -p /tmp/kept "$dump"; exit 0
"""


def restore_test_of_a_truncated_dump(session: Session, undoing: contextlib.ExitStack) -> None:
    undoing.callback(restore_test, session, "mended", "python3 -m services")
    restore_test(session, "truncated", TRUNCATE)


def restore_test(session: Session, name: str, script: str) -> None:
    """One run of the platform's own restore test, with this script as its command."""
    template = session.kube.one("batch/v1/CronJob", SPACE, f"{SLUG}-restore-test")["spec"]["jobTemplate"][
        "spec"
    ]
    container: Json = template["template"]["spec"]["containers"][0]
    container["command"] = ["sh", "-c", script]
    for mount in container["volumeMounts"]:
        mount["readOnly"] = False
    job = f"restore-test-{name}"
    with contextlib.suppress(NotFound):
        session.kube.delete("batch/v1/Job", SPACE, job)
        assert until(lambda: not _there(session, job), SOON)
    session.kube.create("batch/v1/Job", SPACE, {"metadata": {"name": job}, "spec": template})
    assert until(lambda: bool(session.kube.one("batch/v1/Job", SPACE, job)["status"].get("succeeded")), A_JOB)
    session.kube.delete("batch/v1/Job", SPACE, job)


def _there(session: Session, job: str) -> bool:
    try:
        session.kube.one("batch/v1/Job", SPACE, job)
    except NotFound:
        return False
    return True
