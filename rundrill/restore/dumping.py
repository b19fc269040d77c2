"""The runbook's own ways to take a dump, run where they can harm nobody, and what is wrong with the file."""

import re
from dataclasses import dataclass

from rundrill.errors import NoEvidence, PolicyError, TargetError
from rundrill.promise import Promise
from rundrill.restore.load import LOADING, load, unpack
from rundrill.restore.rehearsal import Order
from rundrill.restore.scratch import Scratch
from rundrill.restore.shell import PodShell
from rundrill.run import DefectSeen

_DUMP = r"kubectl\s+exec\s+(?P<flags>-\w+\s+)?\S+.*?\s--\s+(?P<dump>pg_dump(\s+-U\s+\w+|\s+\w+)+)"
_TERMINAL = re.compile(_DUMP + r"\s*>\s*\S+\s*")
_PIPED = re.compile(_DUMP + r"\s*\|[\s\\]*gzip\s*>\s*\S+\s*")

# As the runbook has it: no pipefail. The server is away, as it is when a backup matters.
_PIPE = r"""
PGHOST=/nowhere
rm -f "$2"
set +e
$1 2>"$2.said" | gzip >"$2"
code=$?
gunzip -t <"$2" 2>/dev/null
echo "$code $(wc -c <"$2") $?"
"""
_CAREFUL = r"""
PGHOST=/nowhere
rm -f "$2" "$2.part"
set +e
$1 >"$2.part" 2>"$2.said" && gzip <"$2.part" >"$2"
echo "$? $(test -e "$2" && echo there || echo absent)"
"""


@dataclass(frozen=True)
class Archive:
    """What came of a dump whose server was away."""

    exit_code: int
    size: int
    sound: bool


def dump_on_terminal(promise: Promise, command: str, scratch: Scratch, order: Order) -> DefectSeen:
    """How many carriage returns a dump has when it is taken through a terminal, and when it is not."""
    dump = _quoted(_TERMINAL, command)
    shell = scratch.shell
    if not isinstance(shell, PodShell):
        raise TargetError("a terminal needs a pod to lead into")
    _fill(scratch, order)
    argv = ["env", f"PGHOST={scratch.directory}", *dump.split()]
    kubectl = shell.kube.kubectl
    literal = kubectl.exec_on_terminal(
        shell.namespace, shell.pod, shell.container, argv, LOADING.total_seconds()
    )
    mended = shell.kube.exec(
        shell.namespace, shell.pod, shell.container, argv, timeout=LOADING.total_seconds()
    )
    if literal.code or mended.code:
        raise NoEvidence(
            f"{scratch.marker}: pg_dump ended with {literal.code or mended.code}: {mended.stderr!r}"
        )
    spoilt, clean = literal.stdout.count(b"\r"), mended.stdout.count(b"\r")
    return DefectSeen(
        defect=promise.literal.defect if promise.literal else "a-terminal-writes-carriage-returns",
        promise=promise.id,
        literal=command,
        literal_seen=f"exit code 0; {spoilt} carriage returns in {len(literal.stdout)} bytes",
        mended="the same without -it",
        mended_seen=f"exit code 0; {clean} carriage returns in {len(mended.stdout)} bytes",
        shown=spoilt > 0 and clean == 0,
        facts={"literal_carriage_returns": spoilt, "mended_carriage_returns": clean},
    )


def dump_into_pipe(promise: Promise, command: str, scratch: Scratch, order: Order) -> DefectSeen:
    """What `pg_dump | gzip` leaves where pg_dump fails, and what a dump that is packed only when whole leaves."""
    literal = pipe(scratch, _quoted(_PIPED, command))
    careful = scratch.run(_CAREFUL, _quoted(_PIPED, command), f"{scratch.directory}/literal/careful.sql.gz")
    code, left = careful.text.split()
    return DefectSeen(
        defect=promise.literal.defect if promise.literal else "a-failed-dump-leaves-a-sound-archive",
        promise=promise.id,
        literal=command,
        literal_seen=f"the server was away: exit code {literal.exit_code}, an archive of {literal.size} bytes that"
        f" gunzip -t calls {'sound' if literal.sound else 'broken'}",
        mended="dump to a file first, and pack and name it only where pg_dump ended with 0",
        mended_seen=f"the server was away: exit code {code}, archive {left}",
        shown=literal.exit_code == 0 and literal.sound and code != "0" and left == "absent",
        facts={
            "literal_exit_code": literal.exit_code,
            "literal_size": literal.size,
            "mended_exit_code": int(code),
        },
    )


def pipe(scratch: Scratch, dump: str) -> Archive:
    """What the runbook's pipe leaves behind in the scratch server's directory."""
    done = scratch.run(_PIPE, dump, f"{scratch.directory}/literal/backup.sql.gz")
    code, size, tested = (int(word) for word in done.text.split())
    return Archive(code, size, tested == 0)


def takes_terminal(command: str) -> bool:
    """Whether it is a dump through a terminal."""
    found = _TERMINAL.fullmatch(command)
    return bool(found and "t" in (found["flags"] or ""))


def takes_pipe(command: str) -> bool:
    """Whether it is a dump through a pipe into gzip."""
    return bool(_PIPED.fullmatch(command))


def _quoted(form: re.Pattern[str], command: str) -> str:
    found = form.fullmatch(command)
    if not found:
        raise PolicyError(f"the literal command {command!r} is no dump that can be run in isolation")
    return found["dump"]


def _fill(scratch: Scratch, order: Order) -> None:
    manifest = order.artefact.manifest
    complaint = load(
        scratch, unpack(scratch, order.artefact), order.database, manifest.roles if manifest else None
    )
    if complaint:
        raise NoEvidence(f"{order.artefact.name} does not restore, so there is nothing to dump: {complaint}")
