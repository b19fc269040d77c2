"""What a restored database holds, asked of the database itself and not of the tool that filled it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rundrill.errors import NoEvidence
from rundrill.restore.artefact import Manifest, TableContent, moment, settings_sql
from rundrill.restore.scratch import Scratch

# The same digest as in the dump's snapshot: a sum of row hashes, so neither order nor collation matters.
# psql writes the name of each table into the query that it then runs (\\gexec).
_TABLES = r"""
SELECT format('SELECT %L, count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text FROM %I.%I t',
              nspname || '.' || relname, nspname, relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind = 'r' AND nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1 \gexec
"""

# A sequence behind its column makes the first insert after the restore fail.
_SEQUENCES = r"""
SELECT format('SELECT %L, coalesce(max(%I), 0), (SELECT last_value FROM %I.%I) FROM %I.%I',
              sn.nspname || '.' || s.relname, a.attname, sn.nspname, s.relname, tn.nspname, t.relname)
FROM pg_depend d
JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace sn ON sn.oid = s.relnamespace
JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace tn ON tn.oid = t.relnamespace
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
ORDER BY 1 \gexec
"""

SCHEMA = r"""
SELECT (SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema') AS indexes,
       (SELECT count(*) FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
        WHERE k.contype <> 'n' AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema') AS constraints
"""

READING = timedelta(minutes=10)


@dataclass(frozen=True)
class Sequence:
    """A sequence and the largest value of the column that it feeds."""

    name: str
    largest: int
    last_value: int

    @property
    def behind(self) -> bool:
        """Whether the next insert would take a number that is in use."""
        return self.last_value < self.largest


@dataclass(frozen=True)
class Content:
    """All that was read of a restored database."""

    tables: dict[str, TableContent]
    sequences: tuple[Sequence, ...]
    indexes: int
    constraints: int
    last_marker: datetime | None
    """The newest marker row that is there; None where there is no row."""


def read_content(scratch: Scratch, database: str, manifest: Manifest | None, markers: str) -> Content:
    """Every table's digest, the sequences, the schema's size and the newest marker, read in one session."""
    preset = settings_sql(manifest.settings) if manifest else ""
    asked = [_TABLES, _SEQUENCES, SCHEMA]
    script = preset + "\n\\echo --\n".join(text.strip() + ("" if "gexec" in text else ";") for text in asked)
    parts: list[list[list[str]]] = [[]]
    for row in scratch.sql(database, script, timeout=READING):
        if row == ["--"]:
            parts.append([])
        else:
            parts[-1].append(row)
    return _read(parts, _newest_marker(scratch, database, markers))


def _newest_marker(scratch: Scratch, database: str, markers: str) -> datetime | None:
    # Asked apart: where the markers' own table did not come back, the rest must still be compared.
    asked = f"SELECT extract(epoch FROM newest) FROM ({markers.rstrip('; ')}) AS marker(newest)"
    done = scratch.run('psql -XAtq -v ON_ERROR_STOP=1 -d "$1" -c "$2"', database, asked)
    return moment(done.text) if done.code == 0 and done.text.strip() else None


def _read(parts: list[list[list[str]]], last_marker: datetime | None) -> Content:
    if len(parts) != 3 or not parts[2]:
        raise NoEvidence(f"the restored database answered {len(parts)} of 3 questions")
    tables, sequences, schema = parts
    return Content(
        tables={name: TableContent(rows=int(rows), digest=digest) for name, rows, digest in tables},
        sequences=tuple(Sequence(name, int(float(largest)), int(last)) for name, largest, last in sequences),
        indexes=int(schema[0][0]),
        constraints=int(schema[0][1]),
        last_marker=last_marker,
    )
