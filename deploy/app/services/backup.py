"""The backup job: one dump of the database, with a description taken in the same snapshot."""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import os
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

from services.settings import Settings

log = logging.getLogger("services.backup")

FORMAT = 1
KEEP = 7
SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "IntervalStyle": "postgres",
}
_CHUNK_BYTES = 1 << 16
_DIGEST = Path(__file__).with_name("content_digest.sql").read_text()
_FINISHED = b"-- PostgreSQL database dump complete"
_TABLES = (
    "SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind = 'r' AND n.nspname = 'public' ORDER BY 1, 2"
)
_MARKER = (
    "SELECT id, to_char(written_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS written_at"
    " FROM backup_markers ORDER BY id DESC LIMIT 1"
)

Connection = psycopg.Connection[dict[str, object]]


def back_up(conninfo: str, folder: Path, started: datetime) -> Path:
    """The finished dump; an exception, and nothing under the final names, where any step fails."""
    name = f"backup_{started:%Y%m%d_%H%M%S}.sql.gz"
    partial = folder / f".{name}.partial"
    try:
        with psycopg.connect(conninfo, row_factory=dict_row) as connection:
            described = describe(connection)
            digest = dump(conninfo, str(described.pop("snapshot")), partial)
        described |= {
            "format": FORMAT,
            "dump": name,
            "started_at": _rfc3339(started),
            "finished_at": _rfc3339(datetime.now(UTC)),
            "size": partial.stat().st_size,
            "sha256": digest,
        }
        return publish(partial, folder / name, described)
    finally:
        partial.unlink(missing_ok=True)


def describe(connection: Connection) -> dict[str, object]:
    """The server, the newest marker and each table's content digest, in one exported snapshot."""
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    for name, value in SETTINGS.items():
        connection.execute("SELECT set_config(%s, %s, false)", (name, value))
    connection.commit()
    first = connection.execute(
        "SELECT pg_export_snapshot() AS snapshot, current_database() AS database, now()::text AS snapshot_at,"
        " current_setting('server_version') AS server_version,"
        " current_setting('server_version_num')::int AS server_version_num"
    ).fetchone()
    roles = connection.execute("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1").fetchall()
    tables = connection.execute(_TABLES).fetchall()
    digests = {
        f"{t['schema']}.{t['name']}": _digest(connection, str(t["schema"]), str(t["name"])) for t in tables
    }
    assert first is not None
    first["snapshot_at"] = _rfc3339(datetime.fromisoformat(str(first["snapshot_at"])))
    return first | {
        "last_marker": connection.execute(_MARKER).fetchone(),
        "roles": [role["rolname"] for role in roles],
        "settings": SETTINGS,
        "tables": digests,
    }


def _digest(connection: Connection, schema: str, table: str) -> dict[str, object]:
    statement = sql.SQL(_DIGEST).format(table=sql.Identifier(schema, table))
    row = connection.execute(statement).fetchone()
    assert row is not None
    return row


def dump(conninfo: str, snapshot: str, path: Path) -> str:
    """The SHA-256 of the compressed dump of this snapshot, written to `path`."""
    address = conninfo_to_dict(conninfo)
    # By the environment: an argument would show in the process list.
    environment = os.environ | {"PGPASSWORD": str(address.pop("password", ""))}
    command = ["pg_dump", f"--snapshot={snapshot}", f"--dbname={make_conninfo('', **address)}"]
    tail = b""
    with path.open("wb") as file, gzip.GzipFile(fileobj=file, mode="wb", compresslevel=5) as packed:
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as dumping:
            assert dumping.stdout is not None
            while chunk := dumping.stdout.read(_CHUNK_BYTES):
                packed.write(chunk)
                tail = (tail + chunk)[-256:]
        if dumping.returncode:
            raise RuntimeError(f"pg_dump ended with {dumping.returncode}")
    if _FINISHED not in tail:
        raise RuntimeError("the dump lacks its completion line")
    with path.open("rb") as written:
        os.fsync(written.fileno())
        return hashlib.file_digest(written, "sha256").hexdigest()


def publish(partial: Path, final: Path, described: dict[str, object]) -> Path:
    """The dump under its final name, with its description beside it."""
    beside = final.with_name(final.name.removesuffix(".sql.gz") + ".json")
    waiting = beside.with_name(f".{beside.name}.partial")
    waiting.write_text(json.dumps(described, indent=2, ensure_ascii=False) + "\n")
    partial.rename(final)
    waiting.rename(beside)
    return final


def forget_old(folder: Path, keep: int = KEEP) -> list[str]:
    """The names of the dumps that were removed: all but the newest `keep`, and the newest of each of the last `keep` days."""
    dumps = sorted(folder.glob("backup_*.sql.gz"))
    newest_of_day = {_day_of(path): path for path in dumps}
    first = max(newest_of_day) - timedelta(days=keep - 1) if dumps else date.min
    kept = {*dumps[-keep:], *[path for day, path in newest_of_day.items() if day >= first]}
    old = [path for path in dumps if path not in kept]
    for path in old:
        path.unlink()
        path.with_name(path.name.removesuffix(".sql.gz") + ".json").unlink(missing_ok=True)
    return [path.name for path in old]


def _day_of(dump: Path) -> date:
    return datetime.strptime(dump.name.split("_")[1], "%Y%m%d").replace(tzinfo=UTC).date()


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def run(settings: Settings) -> None:
    """One backup into BACKUP_DIR; the process fails where it does."""
    folder = Path(os.environ.get("BACKUP_DIR", "/backups"))
    made = back_up(settings.database, folder, datetime.now(UTC))
    log.info("backup made: %s, %d bytes", made.name, made.stat().st_size)
    for name in forget_old(folder):
        log.info("old backup removed: %s", name)
