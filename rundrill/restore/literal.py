"""The runbook's own restore command, run where it can harm nobody, and what it leaves as it was."""

import contextlib
import re
from dataclasses import dataclass

from rundrill.errors import NoEvidence, PolicyError
from rundrill.evidence import Value
from rundrill.gateway.kubectl import Completed
from rundrill.promise import Promise
from rundrill.restore.artefact import TableContent
from rundrill.restore.backup import place_of
from rundrill.restore.content import read_content
from rundrill.restore.drill import started
from rundrill.restore.dumping import dump_into_pipe, dump_on_terminal, takes_pipe, takes_terminal
from rundrill.restore.load import LOADING, load, unpack
from rundrill.restore.rehearsal import Order, Stopwatch
from rundrill.restore.scratch import Scratch
from rundrill.run import DefectSeen
from rundrill.session import Session

DEFECT = "a-plain-dump-over-live-tables-restores-nothing"
KEYLESS = "rundrill_keyless"
KEYLESS_ROWS = 10
CORRUPT = "corrupt"
MOST_ROWS = 500

# A text column that no key, index, check or generation hangs on: damage there is silent, which is the worst kind.
_VICTIM = r"""
SELECT format('%I.%I', n.nspname, c.relname), quote_ident(a.attname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
  AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.atttypid IN ('text'::regtype, 'varchar'::regtype)
  AND (a.atttypmod = -1 OR a.atttypmod >= 4 + length('corrupt'))
  AND EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
  AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND a.attnum = ANY (i.indkey))
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND a.attnum = ANY (k.conkey) AND k.contype <> 'n')
ORDER BY c.reltuples DESC, 1 LIMIT 1
"""


@dataclass(frozen=True)
class Damage:
    """What stands wrong in the database at one moment."""

    corrupt_rows: int
    keyless_rows: int


@dataclass(frozen=True)
class Ordeal:
    """The literal command and the mended one, each after the same damage."""

    victim: str
    before: Damage
    literal: Completed
    after_literal: Damage
    mended_complaint: str | None
    after_mended: Damage
    mended_equal: bool


def knows(command: str) -> bool:
    """Whether a runbook's command is one of the three forms that `literal_restore` shows in a scratch server."""
    if takes_terminal(command) or takes_pipe(command):
        return True
    with contextlib.suppress(PolicyError):
        return bool(isolated(command, "/dump.sql"))
    return False


def literal_restore(promise: Promise, session: Session) -> DefectSeen:
    """What the runbook's command did in a scratch server with the backup's own content, and what the mended one did.

    Knows three forms: a restore by psql, a dump through a terminal, a dump through a pipe.
    """
    command = command_of(promise)
    slug = session.slug(promise)
    place = place_of(promise, session.policy, session.platform(slug), session)
    with started(place, slug, session, Stopwatch()) as (scratch, order):
        if takes_terminal(command):
            return dump_on_terminal(promise, command, scratch, order)
        if takes_pipe(command):
            return dump_into_pipe(promise, command, scratch, order)
        return defect(promise, command, undergo(scratch, order, command))


def command_of(promise: Promise) -> str:
    """The runbook's restore command as the policy quotes it; NoEvidence where it quotes none."""
    said = promise.literal.command if promise.literal else None
    if not said:
        raise NoEvidence(f"{promise.id}: the policy quotes no literal command")
    return said


def isolated(command: str, dump: str) -> str:
    """The part of the command that runs beside the server, on our dump; PolicyError where it is more than psql."""
    inner = re.sub(r"kubectl\s+exec\b.*?\s--\s", "", command)
    inner = re.sub(r"gunzip\s+-c\s+[\w./-]+", f"cat {dump}", inner)
    inner = re.sub(r"<\s*[\w./-]+", f"<{dump}", inner)
    # Only what is known to stay here: no host, no port, no address, no second command.
    known = rf"(cat {re.escape(dump)}\s*\|[\s\\]*)?psql(\s+-[Ud]\s+\w+|\s+\w+)*(\s+<{re.escape(dump)})?\s*"
    if not re.fullmatch(known, inner):
        raise PolicyError(
            f"the literal command {command!r} cannot be run in isolation: {inner!r} is more than psql"
        )
    return inner


def undergo(scratch: Scratch, order: Order, command: str) -> Ordeal:
    """Restores, damages, runs the literal command, damages afresh, runs the mended one; all in the scratch server."""
    manifest, database = order.artefact.manifest, order.database
    complaint = load(scratch, unpack(scratch, order.artefact), database, manifest.roles if manifest else None)
    if complaint:
        raise NoEvidence(
            f"{order.artefact.name} does not restore, so there is nothing to damage: {complaint}"
        )
    dump = _dump_with_a_keyless_table(scratch, database)
    sound = _tables(scratch, order)
    victim, before = _corrupt(scratch, database)
    literal = scratch.run(isolated(command, dump), timeout=LOADING)
    after_literal = _damage(scratch, database, victim)
    mended = load(scratch, dump, database, ())
    return Ordeal(
        victim=f"{victim[0]}.{victim[1]}",
        before=before,
        literal=literal,
        after_literal=after_literal,
        mended_complaint=mended,
        after_mended=_damage(scratch, database, victim),
        mended_equal=_tables(scratch, order) == sound,
    )


def defect(promise: Promise, command: str, ordeal: Ordeal) -> DefectSeen:
    """The report's entry: shown only where damage survived the literal command and not the mended one."""
    before, literal, mended = ordeal.before, ordeal.after_literal, ordeal.after_mended
    survived = ordeal.literal.code == 0 and literal.corrupt_rows == before.corrupt_rows > 0
    healed = ordeal.mended_complaint is None and ordeal.mended_equal and mended.corrupt_rows == 0
    return DefectSeen(
        defect=promise.literal.defect if promise.literal else DEFECT,
        promise=promise.id,
        literal=command,
        literal_seen=f"exit code {ordeal.literal.code}, {_errors(ordeal)} errors passed over; {literal.corrupt_rows} of"
        f" {before.corrupt_rows} corrupted rows of {ordeal.victim} survived; a table without a key went from"
        f" {before.keyless_rows} to {literal.keyless_rows} rows",
        mended="drop and create the database, then psql -v ON_ERROR_STOP=1 --single-transaction -f the same dump",
        mended_seen=ordeal.mended_complaint
        or f"exit code 0; {mended.corrupt_rows} corrupted rows left, {mended.keyless_rows} rows without a key,"
        f" content {'equal' if ordeal.mended_equal else 'NOT equal'} to that before the damage",
        shown=survived and healed,
        facts=_facts(ordeal),
    )


def _facts(ordeal: Ordeal) -> dict[str, Value]:
    return {
        "literal_exit_code": ordeal.literal.code,
        "literal_errors": _errors(ordeal),
        "corrupted_rows": ordeal.before.corrupt_rows,
        "corrupted_rows_after_literal": ordeal.after_literal.corrupt_rows,
        "corrupted_rows_after_mended": ordeal.after_mended.corrupt_rows,
        "keyless_rows": ordeal.before.keyless_rows,
        "keyless_rows_after_literal": ordeal.after_literal.keyless_rows,
        "keyless_rows_after_mended": ordeal.after_mended.keyless_rows,
        "mended_content_equal": ordeal.mended_equal,
    }


def _errors(ordeal: Ordeal) -> int:
    return ordeal.literal.stderr.count(b"ERROR:")


def _dump_with_a_keyless_table(scratch: Scratch, database: str) -> str:
    """The path of the plain dump that the runbook would take now, of a database that has a table without a key."""
    scratch.sql(
        database, f"CREATE TABLE {KEYLESS} AS SELECT n FROM generate_series(1, {KEYLESS_ROWS}) n; ANALYZE"
    )
    dump = f"{scratch.directory}/literal/backup.sql"
    done = scratch.run('pg_dump -U postgres "$1" >"$2"', database, dump, timeout=LOADING)
    if done.code:
        raise NoEvidence(f"{scratch.marker}: {done.stderr.decode(errors='replace').strip()[-300:]}")
    return dump


def _corrupt(scratch: Scratch, database: str) -> tuple[tuple[str, str], Damage]:
    """The table and column that were damaged, and how far."""
    found = scratch.sql(database, _VICTIM)
    if not found:
        raise NoEvidence(f"{database} has no table with a key and a free text column to damage")
    table, column = found[0]
    chosen = f"SELECT ctid FROM {table} LIMIT {MOST_ROWS}"
    scratch.sql(database, f"UPDATE {table} SET {column} = '{CORRUPT}' WHERE ctid = ANY (ARRAY({chosen}))")
    return (table, column), _damage(scratch, database, (table, column))


def _damage(scratch: Scratch, database: str, victim: tuple[str, str]) -> Damage:
    table, column = victim
    asked = f"SELECT (SELECT count(*) FROM {table} WHERE {column} = '{CORRUPT}'), (SELECT count(*) FROM {KEYLESS})"
    corrupt, keyless = scratch.sql(database, asked)[0]
    return Damage(int(corrupt), int(keyless))


def _tables(scratch: Scratch, order: Order) -> dict[str, TableContent]:
    return read_content(scratch, order.database, order.artefact.manifest, order.markers).tables
