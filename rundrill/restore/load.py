"""The dump into the scratch server, as strict as PostgreSQL's own tools can be."""

import re
from datetime import timedelta

from rundrill.errors import NoEvidence
from rundrill.restore.artefact import Artefact
from rundrill.restore.scratch import Scratch

LOADING = timedelta(minutes=60)

# Not through a pipe: a shell without pipefail forgets that gunzip failed.
_UNPACK = r"""
case $1 in *.gz) gunzip -c <"$1" >"$2" ;; *) cat <"$1" >"$2" ;; esac
"""

_CREATE = r"""
database=$1
shift
for role; do
  psql -XAtq -v ON_ERROR_STOP=1 -v role="$role" -d postgres <<'END'
SELECT format('CREATE ROLE %I', :'role') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
END
done
psql -XAtq -v ON_ERROR_STOP=1 -v database="$database" -d postgres <<'END'
DROP DATABASE IF EXISTS :"database" WITH (FORCE);
CREATE DATABASE :"database" TEMPLATE template0;
END
"""

_LOAD = r"""
psql -X -q -v ON_ERROR_STOP=1 -v VERBOSITY=verbose --single-transaction -d "$1" -f "$2" >/dev/null
"""

_ERROR = re.compile(
    r"(?:psql:)?(?:\S*?:(?P<line>\d+): )?(?:ERROR|FATAL|PANIC):\s+(?P<state>[0-9A-Z]{5}): (?P<said>.*)"
)
# Out of disk or memory, shut down, a broken file system: that is the scratch's fault and says nothing of the backup.
_OURS = ("53", "57", "58")
_NO_SUCH_ROLE = "42704"


def unpack(scratch: Scratch, artefact: Artefact) -> str:
    """The path of the dump as plain text, in the scratch's own directory; NoEvidence where it does not fit there."""
    path = f"{scratch.directory}/dump.sql"
    done = scratch.run(_UNPACK, artefact.path, path, timeout=LOADING)
    if done.code:
        raise NoEvidence(f"{artefact.name} could not be unpacked: {_last(done.stderr)}")
    return path


def load(scratch: Scratch, dump: str, database: str, roles: tuple[str, ...] | None) -> str | None:
    """None once the whole dump is in a new, empty database; what psql said where the dump would not go in."""
    made = scratch.run(_CREATE, database, *(roles or ()))
    if made.code:
        raise NoEvidence(f"{scratch.marker}: database {database} was not made: {_last(made.stderr)}")
    done = scratch.run(_LOAD, database, dump, timeout=LOADING)
    return None if done.code == 0 else complaint(done.code, done.stderr.decode(errors="replace"), roles)


def complaint(code: int, said: str, roles: tuple[str, ...] | None) -> str:
    """What psql held against the dump; NoEvidence where it was not the dump's fault."""
    errors = list(_ERROR.finditer(said))
    if code != 3 or not errors:
        raise NoEvidence(f"psql ended with {code}: {said.strip()[-300:]}")
    error = errors[0]
    line = f"line {error['line']}: " if error["line"] else ""
    text = f"psql: {line}{error['said']} ({error['state']})"
    if error["state"].startswith(_OURS):
        raise NoEvidence(f"the scratch server failed: {text}")
    if roles is None and error["state"] == _NO_SUCH_ROLE and "role" in error["said"]:
        raise NoEvidence(f"{text}; no manifest names the roles that the dump needs")
    return text


def _last(stderr: bytes) -> str:
    return stderr.decode(errors="replace").strip()[-300:]
