"""Backups of the drill cluster's platform come back, and those that would not are never MET."""

import contextlib
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rundrill.errors import NoEvidence
from rundrill.evidence import RestoreSeen
from rundrill.gateway.kubernetes import Kube, NotFound
from rundrill.judge import judge
from rundrill.promise import Promise
from rundrill.restore import literal_restore, measure_restore, read_backup
from rundrill.restore.claim import find_mount, find_server
from rundrill.restore.drill import started
from rundrill.restore.pod import LABEL, RUNNER, pod_body, sweep
from rundrill.restore.rehearsal import Stopwatch
from rundrill.session import Session, open_session
from rundrill.target import BackupPlace
from rundrill.verdict import Outcome, Verdict

pytestmark = [pytest.mark.cluster, pytest.mark.apart]

SLUG = "aic-aipaas"
RESTORE = "aic-aipaas.restore.manual-dump"
BACKUP = "aic-aipaas.backup.manual-dump"
ROOT = Path(__file__).parents[2]
PATIENCE_S = 120


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with open_session(ROOT / "slo.yaml", "kube://rundrill", tmp_path_factory.mktemp("run")) as opened:
        yield opened


@pytest.fixture(scope="module")
def fresh_backup(session: Session) -> None:
    """A backup by the platform's own CronJob, taken now."""
    place = place_in(session)
    assert place.cronjob
    job = session.kube.one("batch/v1/CronJob", place.namespace, place.cronjob)["spec"]["jobTemplate"]
    name = f"restore-test-{int(time.time())}"
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": job["spec"]}
    with created(session.kube, "batch/v1/Job", place.namespace, body):
        until(lambda: session.kube.one("batch/v1/Job", place.namespace, name)["status"].get("succeeded"))


def place_in(session: Session) -> BackupPlace:
    return session.platform(SLUG).backups["database"]


def promise(session: Session, name: str) -> Promise:
    return next(one for one in session.policy.promises if one.id == name)


def until(said: object) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not said():  # type: ignore[operator]
        assert time.monotonic() < deadline, "nothing came of it in time"
        time.sleep(0.2)


@contextlib.contextmanager
def created(kube: Kube, api: str, namespace: str, body: dict[str, object]) -> Iterator[None]:
    name = body["metadata"]["name"]  # type: ignore[index]
    kube.create(api, namespace, body)
    try:
        yield
    finally:
        with contextlib.suppress(NotFound):
            kube.delete(api, namespace, name, grace=1)


def scratch_pods(session: Session) -> list[str]:
    found = session.kube.items("v1/Pod", place_in(session).namespace, LABEL)
    return [pod["metadata"]["name"] for pod in found]


@contextlib.contextmanager
def directed(session: Session, directory: str) -> Iterator[None]:
    """The target's backup as if it lay in another directory of the claim."""
    kept = session.target
    platform = session.platform(SLUG)
    moved = place_in(session).model_copy(update={"directory": directory})
    changed = platform.model_copy(update={"backups": {"database": moved}})
    entry = kept.entry.model_copy(update={"platforms": {SLUG: changed}})
    session.target = kept.model_copy(update={"entry": entry})
    session.forget()
    try:
        yield
    finally:
        session.target = kept
        session.forget()


@pytest.fixture(scope="module")
def bench(session: Session) -> Iterator[str]:
    """A pod that may write to the claim, where backups are spoilt."""
    place, kube = place_in(session), session.kube
    name = f"tamper-{time.monotonic_ns()}"
    server = find_server(kube, session.platform(SLUG).postgres[place.source])
    body = pod_body(name, place, server, find_mount(kube, place))
    body["spec"]["volumes"][1]["persistentVolumeClaim"]["readOnly"] = False
    container = body["spec"]["containers"][0]
    container["volumeMounts"][1]["readOnly"] = False
    container["command"] = ["sleep", "600"]
    with created(kube, "v1/Pod", place.namespace, body):
        until(lambda: kube.one("v1/Pod", place.namespace, name)["status"].get("phase") == "Running")
        yield name


@contextlib.contextmanager
def spoilt(session: Session, bench: str, script: str) -> Iterator[None]:
    """The target's backup is a copy of its newest one, after a script has been at it."""
    place, kube = place_in(session), session.kube
    directory = f"{place.directory}/spoilt-{time.monotonic_ns()}"
    newest = f"$(ls -t {place.directory}/backup_*.json | head -n 1)"
    begin = f'manifest={newest}; mkdir {directory}; cp "$manifest" "${{manifest%.json}}.sql.gz" {directory}; cd {directory}'
    run(kube, place, bench, f"{begin}; dump=$(ls *.gz); manifest=$(ls *.json); {script}")
    try:
        with directed(session, directory):
            yield
    finally:
        run(kube, place, bench, f"rm -r {directory}")


def run(kube: Kube, place: BackupPlace, pod: str, script: str) -> None:
    done = kube.exec(place.namespace, pod, "postgresql", ["sh", "-eu", "-c", script])
    assert done.code == 0, done.stderr


def verdict_on(session: Session, name: str = RESTORE) -> tuple[Verdict, RestoreSeen]:
    session.forget()
    evidence = measure_restore(promise(session, name), session)
    assert isinstance(evidence.seen, RestoreSeen)
    return judge(promise(session, name), evidence, session.profile, datetime.now(UTC)), evidence.seen


@pytest.mark.usefixtures("fresh_backup")
def test_the_newest_backup_comes_back_row_for_row(session: Session) -> None:
    verdict, seen = verdict_on(session)
    print(verdict.reason, dict(seen.notes), sep="\n")
    assert verdict.outcome is Outcome.MET, verdict.reason
    assert seen.rows_compared >= 2000
    assert {"public.users", "public.backup_markers"} <= {table.subject for table in seen.tables}
    until(lambda: not scratch_pods(session))


@pytest.mark.usefixtures("fresh_backup")
def test_the_newest_backup_is_read_without_a_pod_of_its_own(session: Session) -> None:
    probe = promise(session, BACKUP).state
    assert probe
    assert probe.probe.backup
    (reading,) = read_backup(probe.probe.backup, session, SLUG).readings
    assert reading.facts["complete"] is True
    assert reading.facts["sha256_matches"] is True
    assert reading.facts["carriage_returns"] == 0
    assert not scratch_pods(session)


@pytest.mark.usefixtures("fresh_backup")
def test_the_runbooks_restore_leaves_corrupted_rows_where_they_are(session: Session) -> None:
    defect = literal_restore(promise(session, RESTORE), session)
    print(defect)
    assert defect.shown, defect
    assert defect.facts["literal_exit_code"] == 0
    assert defect.facts["keyless_rows_after_literal"] == 20


@pytest.mark.usefixtures("fresh_backup")
def test_the_runbooks_dump_through_a_terminal_has_carriage_returns(session: Session) -> None:
    defect = literal_restore(promise(session, BACKUP), session)
    print(defect)
    assert defect.shown, defect


@pytest.mark.usefixtures("fresh_backup")
@pytest.mark.parametrize(
    ("script", "said"),
    [
        pytest.param('truncate -s -100 "$dump"', "unexpected end of file", id="truncated"),
        pytest.param('printf "" | gzip >"$dump"', "unfinished dump", id="empty archive"),
        pytest.param(': >"$dump"', "gunzip", id="empty file"),
        pytest.param(
            'gunzip "$dump"; sed -i "0,/user-0007/s//user-000X/" "${dump%.gz}"; gzip "${dump%.gz}"',
            "rows by number, but not by content",
            id="changed row",
        ),
        pytest.param('sed -i "s/aic_aipaas/another/" "$manifest"', "database another", id="another database"),
        pytest.param(
            'sed -i "s/backup_markers/other_markers/" "$manifest"', "other_markers", id="missing table"
        ),
    ],
)
def test_a_spoilt_backup_is_missed(session: Session, bench: str, script: str, said: str) -> None:
    with spoilt(session, bench, script):
        verdict, _ = verdict_on(session)
    assert verdict.outcome is Outcome.MISSED, verdict
    assert said in verdict.reason


@pytest.mark.usefixtures("fresh_backup")
def test_a_dump_without_its_manifest_proves_nothing(session: Session, bench: str) -> None:
    with spoilt(session, bench, 'rm "$manifest"; touch -d "1 hour ago" "$dump"'), pytest.raises(NoEvidence):
        verdict_on(session)


def test_an_empty_shelf_proves_nothing_and_starts_nothing(session: Session, bench: str) -> None:
    before = scratch_pods(session)
    with spoilt(session, bench, "rm *"):
        with pytest.raises(NoEvidence, match="no backup"):
            verdict_on(session)
        assert set(scratch_pods(session)) <= set(before)


@pytest.mark.usefixtures("fresh_backup")
def test_no_service_leads_to_the_scratch_server_and_ctrl_c_removes_it(session: Session) -> None:
    place = place_in(session)
    with pytest.raises(KeyboardInterrupt), started(place, SLUG, session, Stopwatch()) as (scratch, _):
        behind = session.kube.items("discovery.k8s.io/v1/EndpointSlice", place.namespace)
        assert scratch.marker in scratch_pods(session)
        assert scratch.marker not in str(behind)
        raise KeyboardInterrupt
    until(lambda: scratch.marker not in scratch_pods(session))


def test_what_a_killed_run_left_is_swept(session: Session) -> None:
    place = place_in(session)
    server = find_server(session.kube, session.platform(SLUG).postgres[place.source])
    body = pod_body("rundrill-scratch-left", place, server, find_mount(session.kube, place))
    body["metadata"]["annotations"][RUNNER] = f"{socket.gethostname()}/999999999"
    with created(session.kube, "v1/Pod", place.namespace, body):
        assert "rundrill-scratch-left" in sweep(session.kube, place.namespace)
        until(lambda: "rundrill-scratch-left" not in scratch_pods(session))
