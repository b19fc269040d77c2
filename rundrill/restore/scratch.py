"""A PostgreSQL of its own to restore into: reachable through one socket directory, by nobody else."""

from dataclasses import dataclass
from datetime import timedelta

from rundrill.errors import NoEvidence, TargetError
from rundrill.gateway.kubectl import Completed
from rundrill.restore.shell import A_MOMENT, Shell

# No TCP at all: no Service, no pod and no slip of a host name leads into this server or out of this socket.
START = r"""
for programs in /usr/lib/postgresql/*/bin; do PATH=$programs:$PATH; done
export PATH
umask 077
mkdir -p "$2/literal"
initdb -D "$2/cluster" -U postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$2/initdb.log"
exec postgres -D "$2/cluster" -c cluster_name="$1" -c listen_addresses= -c unix_socket_directories="$2" \
  -c max_wal_size=4GB -c log_min_messages=fatal
"""

# Written before each script that talks to the scratch: what PGHOST or a service file says elsewhere is of no account.
_ENVIRONMENT = r"""
for programs in /usr/lib/postgresql/*/bin; do PATH=$programs:$PATH; done
unset PGSERVICE PGSERVICEFILE PGHOSTADDR PGDATABASE PGPASSFILE PGPASSWORD PGOPTIONS PGPORT
export PATH PGHOST="$1" PGUSER=postgres HOME="$1" PGCONNECT_TIMEOUT=5
shift
"""

_WAIT = r"""
tries=0
until said=$(psql -XAtq -d postgres -c 'SELECT 1' 2>&1); do
  tries=$((tries + 1))
  if [ "$tries" -ge 300 ]; then echo "$said" >&2; exit 1; fi
  sleep 0.1
done
"""

_IDENTITY = """
SELECT current_setting('cluster_name'), current_setting('listen_addresses'),
       current_setting('unix_socket_directories'), system_identifier FROM pg_control_system()
"""


@dataclass(frozen=True)
class Scratch:
    """A server that was started for one restore and goes when that is over."""

    shell: Shell
    directory: str
    """Holds its cluster, its socket and the unpacked dump."""
    marker: str
    """Its cluster_name, which no other server has."""

    def run(self, script: str, *words: str, timeout: timedelta = A_MOMENT) -> Completed:
        """A script whose PostgreSQL clients can only mean this server."""
        return self.shell.run(_ENVIRONMENT + script, self.directory, *words, timeout=timeout)

    def sql(self, database: str, script: str, timeout: timedelta = A_MOMENT) -> list[list[str]]:
        """The rows of a psql script, tab-separated and unaligned; NoEvidence where it fails."""
        done = self.run(
            'psql -XAtq -F "$(printf \'\\t\')" -v ON_ERROR_STOP=1 -d "$1" <<END_OF_SCRIPT\n$2\nEND_OF_SCRIPT\n',
            database,
            script,
            timeout=timeout,
        )
        if done.code:
            raise NoEvidence(f"{self.marker}: {done.stderr.decode(errors='replace').strip()[-400:]}")
        return [line.split("\t") for line in done.text.splitlines()]


def await_server(scratch: Scratch) -> None:
    """Returns once the server answers; NoEvidence after half a minute of silence."""
    done = scratch.run(_WAIT, timeout=timedelta(seconds=60))
    if done.code:
        raise NoEvidence(f"{scratch.marker}: {done.stderr.decode(errors='replace').strip()[-400:]}")


def prove_isolated(scratch: Scratch, source_identifier: str) -> None:
    """TargetError unless what answers is the scratch server, alone on its socket, and not the source."""
    name, listens, sockets, identifier = scratch.sql("postgres", _IDENTITY)[0]
    if name != scratch.marker:
        raise TargetError(
            f"refused to restore: the server calls itself {name!r}, expected {scratch.marker!r}"
        )
    if listens or sockets != scratch.directory:
        raise TargetError(
            f"refused to restore: {name} listens on {listens or sockets!r}, not only in its own directory"
        )
    if identifier == source_identifier:
        raise TargetError(f"refused to restore: {name} is the source itself (system identifier {identifier})")
