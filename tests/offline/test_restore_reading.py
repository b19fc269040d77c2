"""What is read of artefacts, pods and psql's complaints: pure, no server."""

import base64
import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from rundrill.errors import NoEvidence
from rundrill.restore.artefact import Artefact, Manifest, Shelf, TableContent, newest, read_manifest
from rundrill.restore.backup import facts
from rundrill.restore.claim import Server, directory_in, mount_of, server_of
from rundrill.restore.compare import compare_tables, rows_compared
from rundrill.restore.load import complaint
from rundrill.restore.pod import LABEL, RUNNER, holdup, is_left_over, pod_body
from rundrill.restore.shelf import Soundness, read_shelf
from rundrill.target import BackupPlace

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
MANIFEST = {
    "format": 1,
    "dump": "b.sql.gz",
    "database": "d",
    "snapshot_at": "2026-11-21T08:59:00Z",
    "finished_at": "2026-11-21T08:59:01Z",
    "size": 10,
    "sha256": "ab",
    "tables": {"public.t": {"rows": 1, "digest": "7"}},
}
PLACE = BackupPlace(
    namespace="data",
    claim="backups",
    directory="/backups",
    pattern="*.sql.gz",
    source="reader",
    markers="SELECT now()",
)
SERVER = Server("postgresql-0", "postgresql", "app:1", "IfNotPresent", {"runAsUser": 70}, {})


def manifest() -> Manifest:
    return read_manifest(json.dumps(MANIFEST))


def artefact(name: str, age: timedelta, finished: bool) -> Artefact:
    return Artefact(f"/b/{name}", 10, NOW - age, manifest() if finished else None)


def test_a_dump_that_is_being_written_is_left_alone() -> None:
    busy = artefact("busy", timedelta(seconds=5), finished=False)
    done = artefact("done", timedelta(hours=1), finished=True)
    assert newest(Shelf(NOW, (busy, done)), "here") is done


def test_a_dump_that_was_never_finished_is_the_newest_all_the_same() -> None:
    stuck = artefact("stuck", timedelta(hours=1), finished=False)
    done = artefact("done", timedelta(hours=2), finished=True)
    assert newest(Shelf(NOW, (stuck, done)), "here") is stuck


def test_an_empty_shelf_proves_nothing() -> None:
    with pytest.raises(NoEvidence, match="no backup in here"):
        newest(Shelf(NOW, ()), "here")


def test_a_listing_gives_each_dump_its_own_manifest() -> None:
    coded = base64.b64encode(json.dumps(MANIFEST).encode()).decode()
    text = (
        f"now 1795251600.5\ndump 10 1795251000 a b.sql.gz\nmanifest {coded}\ndump 20 1795250000 old.sql.gz\n"
    )
    shelf = read_shelf(text, "/b")
    assert shelf.now.microsecond == 500_000
    assert [one.path for one in shelf.artefacts] == ["/b/a b.sql.gz", "/b/old.sql.gz"]
    assert [one.manifest is None for one in shelf.artefacts] == [False, True]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "format"),
        ({"tables": {"t": {"rows": "many", "digest": "1"}}}, "tables.t.rows"),
        ({"snapshot_at": "2026-11-21T08:59:00"}, "snapshot_at"),
    ],
)
def test_a_manifest_that_cannot_be_trusted_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_manifest(json.dumps(MANIFEST | change))


def test_a_table_on_one_side_only_is_not_equal() -> None:
    one = {"public.a": TableContent(rows=2, digest="5"), "public.b": TableContent(rows=0, digest="0")}
    readings = compare_tables(one, {"public.a": one["public.a"]})
    assert [(reading.subject, reading.facts["equal"]) for reading in readings] == [
        ("public.a", True),
        ("public.b", False),
    ]
    assert rows_compared(one, {}) == 0


def test_a_sum_that_nobody_wrote_down_is_not_told() -> None:
    sound = Soundness("ab", None, True, 0, 100)
    bare = artefact("a", timedelta(minutes=1), finished=False)
    assert "sha256_matches" not in facts(Shelf(NOW, (bare,)), bare, sound)


def test_a_broken_archive_has_no_count_of_carriage_returns() -> None:
    broken = Soundness("ab", "unexpected end of file", False, 0, 0)
    whole = artefact("a", timedelta(minutes=1), finished=True)
    told = facts(Shelf(NOW, (whole,)), whole, broken)
    assert told == {"age": 60.0, "size": 10, "complete": False, "sha256_matches": True}


def test_psql_is_quoted_where_the_dump_is_at_fault() -> None:
    said = 'psql:/scratch/dump.sql:12: ERROR:  42P01: relation "x" does not exist\nLOCATION: …'
    assert complaint(3, said, ()) == 'psql: line 12: relation "x" does not exist (42P01)'


@pytest.mark.parametrize(
    ("code", "said", "roles"),
    [
        (3, "psql:d:1: ERROR:  53100: could not extend file: No space left on device", ()),
        (3, "psql:d:1: FATAL:  57P01: terminating connection", ()),
        (2, "psql: error: connection to server was lost", ()),
        (3, 'psql:d:1: ERROR:  42704: role "x" does not exist', None),
        (137, "", ()),
    ],
)
def test_a_failure_of_the_scratch_server_proves_nothing(
    code: int, said: str, roles: tuple[str, ...] | None
) -> None:
    with pytest.raises(NoEvidence):
        complaint(code, said, roles)


def pod(**status: object) -> dict[str, object]:
    return {
        "metadata": {"name": "postgresql-0"},
        "spec": {
            "nodeName": "a",
            "volumes": [
                {"name": "data", "persistentVolumeClaim": {"claimName": "pgdata"}},
                {"name": "b", "persistentVolumeClaim": {"claimName": "backups"}},
            ],
            "containers": [
                {"name": "exporter", "image": "exporter:1", "ports": [{"containerPort": 9187}]},
                {
                    "name": "server",
                    "image": "app:1",
                    "ports": [{"name": "sql", "containerPort": 5432}],
                    "volumeMounts": [
                        {"name": "data", "mountPath": "/data"},
                        {"name": "b", "mountPath": "/backups"},
                    ],
                },
            ],
        },
        "status": status,
    }


def test_the_container_that_mounts_the_claim_is_found() -> None:
    mount = mount_of(pod(), "backups")
    assert mount
    assert (mount.container, mount.node, mount.path) == ("server", "a", "/backups")
    assert mount_of(pod(), "elsewhere") is None


@pytest.mark.parametrize("port", ["5432", "sql"])
def test_the_server_is_told_from_its_companions_by_its_port(port: str) -> None:
    assert server_of(pod(), port).image == "app:1"


@pytest.mark.parametrize(
    ("directory", "seen"), [("/backups", "/backups"), (".", "/backups"), ("daily", "/backups/daily")]
)
def test_a_directory_is_meant_on_the_claim(directory: str, seen: str) -> None:
    assert directory_in(PLACE.model_copy(update={"directory": directory}), "/backups") == seen


def test_a_scratch_pod_cannot_write_backups_nor_be_found_by_a_service() -> None:
    body = pod_body("rundrill-scratch-1", PLACE, SERVER, mount_of(pod(), "backups"))
    spec = body["spec"]
    assert set(body["metadata"]["labels"]) == {"app.kubernetes.io/managed-by", LABEL}
    assert spec["volumes"][0] == {"name": "scratch", "emptyDir": {}}
    assert spec["volumes"][1]["persistentVolumeClaim"] == {"claimName": "backups", "readOnly": True}
    assert spec["containers"][0]["volumeMounts"][1]["readOnly"] is True
    assert "ports" not in spec["containers"][0]
    assert spec["securityContext"] == {"runAsUser": 70}
    assert "'a'" in str(spec["affinity"])


@pytest.mark.parametrize(
    ("runner", "phase", "left"),
    [
        (f"{os.uname().nodename}/{os.getpid()}", "Running", False),
        (f"{os.uname().nodename}/999999999", "Running", True),
        ("another-machine/999999999", "Running", False),
        ("another-machine/1", "Failed", True),
    ],
    ids=["this-runner", "a-dead-one", "of-another-machine", "a-pod-that-failed"],
)
def test_only_what_a_dead_run_left_is_swept(runner: str, phase: str, left: bool) -> None:
    body = {"metadata": {"annotations": {RUNNER: runner}}, "status": {"phase": phase}}
    assert is_left_over(body) is left


def test_a_pod_that_does_not_run_says_why() -> None:
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    assert (
        holdup({"containerStatuses": [{"state": {"waiting": waiting}}]}) == "ImagePullBackOff: no such image"
    )
    assert holdup({"phase": "Pending"}) == "Pending"
