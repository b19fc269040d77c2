"""The process tree of one node: a PID namespace, so that its end is the end of everything in it.

A node is what kind's node container is, without the container engine: mount, UTS, IPC, network and PID
namespaces of its own. Its first process does nothing but reap. Whoever is in the PID namespace is ours, nobody
else is; when the first process dies the kernel kills the rest and takes mounts, links, routes and rules along.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from rundrill.cluster.cgroups import make_daemons_group
from rundrill.cluster.provider import ClusterBroken

NAMESPACES = ("--mount", "--uts", "--ipc", "--net", "--pid")
# Without proxies: nothing that we start talks to anything but the cluster. (Go and apt get the caller's own.)
ENVIRONMENT: Final = {
    "HOME": os.environ.get("HOME", "/root"),
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}
FIRST_PROCESS = "/usr/bin/catatonit"


@dataclass(frozen=True)
class First:
    """The first process of a node: its id on the machine, and when it started, which no recycled id shares."""

    pid: int
    started: int

    @property
    def alive(self) -> bool:
        """Whether it is still the same process and runs."""
        return started(self.pid) == self.started

    @property
    def born(self) -> datetime:
        """When it started, by the clock on the wall."""
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - self.started / os.sysconf("SC_CLK_TCK")
        return datetime.now(UTC) - timedelta(seconds=age)


def started(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None where there is no such process, or only its corpse."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def find_firsts() -> dict[tuple[str, Path], First]:
    """The first process of every node on this machine, by the node's name and the home of its cluster.

    They say themselves whose they are, in their environment: no file of ids could be lost or outdated.
    """
    found = {}
    for pid in _pids():
        if _exe(pid) != Path(FIRST_PROCESS).name or not _started_from_here(pid):
            continue
        try:
            words = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        said = dict(word.split("=", 1) for word in words if "=" in word)
        began = started(pid)
        if began is not None and {"RUNDRILL_NODE", "RUNDRILL_HOME"} <= said.keys():
            found[said["RUNDRILL_NODE"], Path(said["RUNDRILL_HOME"])] = First(pid, began)
    return found


def _started_from_here(pid: int) -> bool:
    """Whether the parent is in our PID namespace; a node within a node of somebody else's is theirs."""
    try:
        parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
        return Path(f"/proc/{parent}/ns/pid").readlink() == Path("/proc/self/ns/pid").readlink()
    except OSError:
        return False


def start_first(name: str, home: Path) -> First:
    """Makes the namespaces of a node and the process that holds them."""
    parent = subprocess.Popen(
        ["unshare", *NAMESPACES, "--fork", "--mount-proc", "--propagation", "private", FIRST_PROCESS, "-P"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
        env={"RUNDRILL_NODE": name, "RUNDRILL_HOME": str(home), "PATH": ENVIRONMENT["PATH"]},
    )
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and parent.poll() is None:
        for child in _children(parent.pid):
            began = started(child)
            if began is not None and _exe(child) == Path(FIRST_PROCESS).name:
                return First(child, began)
        time.sleep(0.01)
    raise ClusterBroken(f"node {name}: its first process did not start (exit {parent.poll()})")


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _exe(pid: int) -> str | None:
    try:
        return Path(f"/proc/{pid}/exe").readlink().name.removesuffix(" (deleted)")
    except OSError:
        return None


def inside(first: First, argv: Sequence[str]) -> list[str]:
    """The command line that runs `argv` in the node."""
    return ["nsenter", f"--target={first.pid}", *NAMESPACES, "--", *argv]


def run_inside(first: First, argv: Sequence[str], timeout_s: float = 60) -> str:
    """Runs a command in the node to its end; gives what it wrote."""
    said = " ".join(argv[:4])
    try:
        done = subprocess.run(
            inside(first, argv), stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=timeout_s, cwd="/", env=ENVIRONMENT,
        )  # fmt: skip
    except subprocess.TimeoutExpired as problem:
        raise ClusterBroken(f"{said}: no end after {timeout_s:.0f} s") from problem
    if done.returncode:
        raise ClusterBroken(f"{said}: exit {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout


def start_inside(first: First, argv: Sequence[str | Path], log: Path) -> None:
    """Starts a daemon in the node: a session of its own, no input, output to `log`, in the group of the daemons."""
    log.parent.mkdir(parents=True, exist_ok=True)
    detach = ["sh", "-c", 'cd /; setsid "$@" &', "sh", *map(str, argv)]
    join = "".join(f"echo 0 > {group}; " for group in make_daemons_group())
    with log.open("ab") as output:
        subprocess.run(
            ["sh", "-ec", f'{join}exec "$@"', "sh", *inside(first, detach)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=True,
            cwd="/",
            env=ENVIRONMENT,
        )


def members(first: First) -> Iterator[tuple[int, str]]:
    """Every living process of the node with the name of its program, the first one too."""
    try:
        ours = Path(f"/proc/{first.pid}/ns/pid").readlink()
    except OSError:
        return
    for pid in _pids():
        try:
            if Path(f"/proc/{pid}/ns/pid").readlink() != ours:
                continue
        except OSError:
            continue
        if (name := _exe(pid)) is not None:
            yield pid, name


def end(first: First, timeout_s: float = 20) -> None:
    """Kills the node's first process, and waits until the kernel has taken everything in it along."""
    if not first.alive:
        return
    pids = [(pid, started(pid)) for pid, _ in members(first)]
    os.kill(first.pid, signal.SIGKILL)
    deadline = time.monotonic() + timeout_s
    while any(began is not None and started(pid) == began for pid, began in pids):
        if time.monotonic() > deadline:
            raise ClusterBroken(
                f"processes of the node outlived it: {[p for p, s in pids if started(p) == s]}"
            )
        time.sleep(0.02)


def stop(pid: int, timeout_s: float = 20) -> None:
    """Asks one daemon to end, and kills it where it does not."""
    began = started(pid)
    deadline = time.monotonic() + timeout_s
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        while began is not None and started(pid) == began:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)


def wake(pid: int) -> None:
    """Lets a stopped process go on; does nothing to one that runs."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
