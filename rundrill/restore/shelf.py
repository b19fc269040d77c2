"""What lies on the claim: one look lists the newest artefacts, one look tells how sound one of them is."""

import base64
from dataclasses import dataclass
from datetime import timedelta

from rundrill.errors import NoEvidence
from rundrill.restore.artefact import Artefact, Manifest, Shelf, moment, read_manifest
from rundrill.restore.shell import Shell

READING = timedelta(minutes=10)
"""How long reading one artefact through may take."""

# The pattern is left bare on purpose: the shell is to expand it.
_LIST = r"""
cd "$1"
date -u +"now %s.%N"
ls -1t -- $2 2>/dev/null | head -n 5 | while read -r dump; do
  stat -c 'dump %s %Y %n' -- "$dump"
  if [ -f "${dump%%.*}.json" ]; then echo "manifest $(base64 <"${dump%%.*}.json" | tr -d '\n')"; fi
done
"""

# Every step is a command of its own, so that no pipe can swallow an exit code: an archive is tested before it is piped.
_INSPECT = r"""
dump=$1
sum=$(sha256sum <"$dump")
echo "sha256 ${sum%% *}"
case $dump in *.gz) unpack='gunzip -c' ;; *) unpack=cat ;; esac
if [ "$unpack" != cat ] && ! said=$(gunzip -t <"$dump" 2>&1); then
  echo "broken $said" | tr '\n' ' '
  exit 0
fi
echo "trailers $($unpack <"$dump" | tail -n 20 | grep -c '^-- PostgreSQL database dump complete' || true)"
echo "returns $($unpack <"$dump" | tr -dc '\r' | wc -c)"
echo "unpacked $($unpack <"$dump" | wc -c)"
"""


@dataclass(frozen=True)
class Soundness:
    """What can be told of a dump without restoring it."""

    sha256: str
    broken: str | None
    """What gunzip said of the archive, None where it is whole."""
    trailer: bool
    carriage_returns: int
    unpacked_bytes: int

    @property
    def complaint(self) -> str | None:
        """Why restoring it is hopeless; None where nothing speaks against trying."""
        if self.broken:
            return f"gunzip: {self.broken}"
        if not self.trailer:
            return f"pg_dump's last line is missing: {self.unpacked_bytes} bytes of an unfinished dump"
        return None


def look(shell: Shell, directory: str, pattern: str) -> Shelf:
    """The newest artefacts of a directory that match a pattern; NoEvidence where the directory cannot be read."""
    done = shell.run(_LIST, directory, pattern)
    if done.code:
        raise NoEvidence(f"{directory}: {done.stderr.decode(errors='replace').strip()[-300:]}")
    return read_shelf(done.text, directory)


def read_shelf(text: str, directory: str) -> Shelf:
    """The listing that a look at the directory printed."""
    artefacts: list[Artefact] = []
    now = None
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "now":
            now = moment(rest)
        elif word == "dump":
            size, modified, name = rest.split(" ", 2)
            artefacts.append(Artefact(f"{directory}/{name}", int(size), moment(modified), None))
        elif word == "manifest":
            artefacts[-1] = _with_manifest(artefacts[-1], base64.b64decode(rest).decode(errors="replace"))
    if now is None:
        raise NoEvidence(f"{directory}: the listing ended before it began: {text[:200]!r}")
    return Shelf(now, tuple(sorted(artefacts, key=lambda artefact: artefact.taken_at, reverse=True)))


def inspect(shell: Shell, artefact: Artefact) -> Soundness:
    """How sound the artefact is, read through from end to end."""
    done = shell.run(_INSPECT, artefact.path, timeout=READING)
    if done.code:
        raise NoEvidence(f"{artefact.path}: {done.stderr.decode(errors='replace').strip()[-300:]}")
    said = dict(line.partition(" ")[::2] for line in done.text.splitlines())
    broken = said.get("broken")
    return Soundness(
        sha256=said["sha256"],
        broken=None if broken is None else _gunzip_said(broken),
        trailer=int(said.get("trailers", 0)) > 0,
        carriage_returns=int(said.get("returns", 0)),
        unpacked_bytes=int(said.get("unpacked", 0)),
    )


def sha256_matches(manifest: Manifest | None, soundness: Soundness) -> bool | None:
    """Whether the dump is byte for byte the one that the job wrote; None where nobody wrote that down."""
    return None if manifest is None else manifest.sha256 == soundness.sha256


def _with_manifest(artefact: Artefact, text: str) -> Artefact:
    try:
        manifest = read_manifest(text)
    except ValueError as error:
        return Artefact(artefact.path, artefact.size, artefact.modified, None, str(error))
    return Artefact(artefact.path, artefact.size, artefact.modified, manifest)


def _gunzip_said(text: str) -> str:
    return text.strip().removeprefix("gzip: ").removeprefix("gunzip: ").removeprefix("stdin: ").strip()
