"""Loading a backup into a scratch place, and reading what is there then."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from services.backup import SETTINGS
from services.readiness.backup_shelf import Unfit
from services.readiness.file_backup import checksum

_DIGEST = (Path(__file__).parents[1] / "content_digest.sql").read_text()
_TABLES = """
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname = 'public' ORDER BY 1, 2
"""
_SYSTEM = "SELECT system_identifier FROM pg_control_system()"


def refuse_production(scratch: str, production: str) -> None:
    """Unfit where both addresses lead to the same server, whatever they are called."""
    with psycopg.connect(scratch) as here, psycopg.connect(production) as there:
        if here.execute(_SYSTEM).fetchone() == there.execute(_SYSTEM).fetchone():
            raise Unfit("the scratch server is the production server")


def load(dump: Path, server: str, database: str) -> None:
    """The dump in this empty database; Unfit at its first error, and where unpacking fails."""
    address = conninfo_to_dict(server) | {"dbname": database}
    environment = os.environ | {
        "PGPASSWORD": str(address.pop("password", None) or os.environ.get("PGPASSWORD", ""))
    }
    command = ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", make_conninfo("", **address)]
    with subprocess.Popen(["gunzip", "-c", str(dump)], stdout=subprocess.PIPE) as unpacking:
        loaded = subprocess.run(
            command,
            stdin=unpacking.stdout,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            check=False,
        )
    if loaded.returncode or unpacking.returncode:
        said = loaded.stderr.decode(errors="replace").strip().splitlines()[:1]
        raise Unfit(
            f"restore failed: gunzip {unpacking.returncode}, psql {loaded.returncode} {' '.join(said)}"
        )


def compare_tables(server: str, database: str) -> dict[str, tuple[int, str]]:
    """Rows and digest of each table of the restored database, as the backup wrote them down."""
    with psycopg.connect(server, dbname=database, autocommit=True) as restored:
        for name, value in SETTINGS.items():
            restored.execute("SELECT set_config(%s, %s, false)", (name, value))
        tables = restored.execute(_TABLES).fetchall()
        found = {}
        for schema, table in tables:
            row = restored.execute(sql.SQL(_DIGEST).format(table=sql.Identifier(schema, table))).fetchone()
            assert row is not None
            found[f"{schema}.{table}"] = (int(row[0]), str(row[1]))
    return found


def unpack(archive: Path, folder: Path) -> None:
    """The archive's files in this folder; Unfit where it is damaged."""
    try:
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError) as error:
        raise Unfit(f"{archive.name} is damaged: {error}") from None


def compare_files(folder: Path) -> dict[str, tuple[str, int]]:
    """Checksum and size of each file below this folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (checksum(path), path.stat().st_size) for path in files}
