"""The newest artefact of a backup as a state: how old, how big, how sound."""

from rundrill.errors import NoEvidence, TargetError
from rundrill.evidence import Reading, StateSeen, Value
from rundrill.policy import Policy
from rundrill.probe import BackupProbe
from rundrill.promise import Promise
from rundrill.restore.artefact import Artefact, Shelf, newest
from rundrill.restore.claim import directory_in, find_mount, find_server, mount_path, shell_at
from rundrill.restore.pod import scratch_pod
from rundrill.restore.shelf import Soundness, inspect, look, sha256_matches
from rundrill.restore.shell import Shell
from rundrill.session import Session
from rundrill.target import BackupPlace, PlatformAddresses


def read_backup(probe: BackupProbe, session: Session, slug: str | None = None) -> StateSeen:
    """The facts of the newest artefact; NoEvidence where there is none or nobody can look.

    Without a slug it is the one platform of the target that has a backup of that name.
    """
    platform = session.platform(slug or _slug_of(probe.backup, session))
    place = place_named(platform, probe.backup, session)
    mount = find_mount(session.kube, place)
    if mount:
        return observe(shell_at(session.kube, place, mount), place, mount.path)
    server = find_server(session.kube, platform.postgres[place.source])
    with scratch_pod(session.kube, place, server, None) as scratch:
        return observe(scratch.shell, place, mount_path(place, None))


def observe(shell: Shell, place: BackupPlace, mounted_at: str) -> StateSeen:
    """One reading of the newest artefact, seen through a shell that has the claim mounted there."""
    directory = directory_in(place, mounted_at)
    shelf = look(shell, directory, place.pattern)
    artefact = newest(shelf, f"claim {place.namespace}/{place.claim}, {directory}/{place.pattern}")
    return StateSeen((Reading(artefact.name, facts(shelf, artefact, inspect(shell, artefact))),))


def facts(shelf: Shelf, artefact: Artefact, soundness: Soundness) -> dict[str, Value]:
    """What the probe `backup` promises to tell; sha256_matches only where somebody wrote the sum down."""
    told: dict[str, Value] = {
        "age": (shelf.now - artefact.taken_at).total_seconds(),
        "size": artefact.size,
        "complete": soundness.complaint is None,
    }
    if soundness.broken is None:
        told["carriage_returns"] = soundness.carriage_returns
    matches = sha256_matches(artefact.manifest, soundness)
    return told if matches is None else told | {"sha256_matches": matches}


def place_named(platform: PlatformAddresses, name: str, session: Session) -> BackupPlace:
    """An entry of the target's `backups`."""
    if name not in platform.backups:
        raise TargetError(
            f"{session.target.url}: slo.yaml names no backup {name!r}, only {sorted(platform.backups)}"
        )
    return platform.backups[name]


def place_of(promise: Promise, policy: Policy, platform: PlatformAddresses, session: Session) -> BackupPlace:
    """The backup that a promise is about: by its own probe or by that of the promise it refers to, else the only one."""
    referred = promise.restore.backup if promise.restore else promise.id
    for other in policy.promises:
        if other.id == referred and other.state and other.state.probe.backup:
            return place_named(platform, other.state.probe.backup.backup, session)
    if len(platform.backups) == 1:
        return next(iter(platform.backups.values()))
    raise NoEvidence(f"{promise.id}: {referred} does not say which of {sorted(platform.backups)} it is")


def _slug_of(backup: str, session: Session) -> str:
    platforms = session.target.entry.platforms
    found = [slug for slug, platform in platforms.items() if backup in platform.backups]
    if len(found) != 1:
        raise TargetError(
            f"{session.target.url}: {len(found)} platforms have a backup {backup!r}, expected one"
        )
    return found[0]
