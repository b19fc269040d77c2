"""The services of platform aia, as far as they need no server: refreshes, versions, the mode, what an export keeps."""

from datetime import UTC, datetime
from pathlib import Path

import app_sources  # noqa: F401 # makes `services` importable
import pytest
import yaml
from services.aia import export, refresh
from services.aia.maintenance import Maintenance
from services.aia.versions import Versions

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("interval", "seconds"), [("1h", 3600), ("1h30m", 5400), ("90s", 90), ("5m", 300), ("", 0)]
)
def test_an_interval_is_read_in_seconds(interval: str, seconds: int) -> None:
    assert refresh.seconds_of(interval) == seconds


@pytest.mark.parametrize(
    ("refreshed", "ready", "asked", "there", "due"),
    [
        pytest.param("2026-01-01T11:30:00Z", "True", "", True, False, id="within its hour"),
        pytest.param("2026-01-01T11:00:00Z", "True", "", True, True, id="an hour old"),
        pytest.param("2026-01-01T11:59:50Z", "False", "", True, True, id="failed a moment ago"),
        pytest.param("2026-01-01T11:59:59Z", "True", "now", True, True, id="asked for by annotation"),
        pytest.param("2026-01-01T11:59:59Z", "True", "", False, True, id="its Secret is gone"),
        pytest.param(None, "True", "", True, True, id="never done"),
    ],
)
def test_a_secret_is_refreshed_when_it_is_due(
    refreshed: str | None, ready: str, asked: str, there: bool, due: bool
) -> None:
    status = {"refreshTime": refreshed, "forced": "", "conditions": [{"type": "Ready", "status": ready}]}
    metadata = {"name": "aia-secrets", "annotations": {refresh.FORCE: asked}}
    external = {"metadata": metadata, "spec": {"refreshInterval": "1h"}, "status": status}
    assert refresh.due(external, NOW, there) is due


def test_versions_are_numbered_and_outlive_the_process(tmp_path: Path) -> None:
    path = tmp_path / "versions.json"
    kept = Versions(path)
    assert [kept.add("key", "old"), kept.add("key", "new")] == [1, 2]
    kept.disable("key", 1)
    again = Versions(path)
    assert [(v["value"], v["state"]) for v in again.of("key")] == [("old", "DISABLED"), ("new", "ENABLED")]
    assert (again.names(), again.of("other")) == (["key"], [])
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("said", "on"), [("true", True), ("TRUE\n", True), ("false", False), ("", False), (None, False)]
)
def test_maintenance_is_on_only_where_the_file_says_so(tmp_path: Path, said: str | None, on: bool) -> None:
    if said is not None:
        (tmp_path / "MAINTENANCE_MODE").write_text(said)
    assert Maintenance(tmp_path).on is on


def test_an_export_is_whole_and_for_its_owner_only(tmp_path: Path) -> None:
    path = export.write(tmp_path, "backup-20260101.yaml", [{"kind": "ConfigMap", "data": {"at": "1e3"}}])
    assert yaml.safe_load(path.read_text())["items"] == [{"kind": "ConfigMap", "data": {"at": "1e3"}}]
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["backup-20260101.yaml"]


def test_old_exports_are_forgotten_by_kind(tmp_path: Path) -> None:
    for day in range(1, export.KEEP_DAYS + 3):
        (tmp_path / f"backup-202601{day:02}.yaml").touch()
    (tmp_path / "rbac-backup-20260101.yaml").touch()
    export.forget_old(tmp_path)
    left = sorted(p.name for p in tmp_path.iterdir())
    assert left[0] == "backup-20260103.yaml"
    assert (len(left), left[-1]) == (export.KEEP_DAYS + 1, "rbac-backup-20260101.yaml")
