"""The cluster's programs, compiled from Go modules once for each set of sources and flags."""

import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from rundrill.cluster.debian import find_go
from rundrill.cluster.places import DEPLOY, Places
from rundrill.cluster.provider import ClusterRefused, Progress

VERSION: Final = "v1.35.4"
# Without these the components call themselves v0.0.0 and kubeadm refuses the skew.
_STAMPED = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
_STAMPS = " ".join(f"-X {p}.gitVersion={VERSION} -X {p}.gitMajor=1 -X {p}.gitMinor=35" for p in _STAMPED)
FLAGS: Final = ("-trimpath", "-ldflags", f"-s -w {_STAMPS}")
# module directory -> what of it is built
MODULES: Final = {
    "kubernetes": ("tool", "./provisioner"),
    "etcd": ("tool",),
    "coredns": ("tool",),
    "metrics-server": ("tool",),
}
PROGRAMS: Final = (
    *(
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kubelet",
        "kube-proxy",
        "kubeadm",
        "kubectl",
    ),
    *("server", "coredns", "metrics-server", "provisioner"),
)


@dataclass(frozen=True)
class Binaries:
    """A directory with every program of the cluster."""

    directory: Path

    def __getitem__(self, program: str) -> Path:
        return self.directory / program

    @property
    def complete(self) -> bool:
        """Whether no program is missing."""
        return all(self[program].exists() for program in PROGRAMS)


def find_binaries(places: Places) -> Binaries:
    """Where the programs of the present sources are, or will be."""
    return Binaries(places.binaries / _fingerprint())


def build_binaries(places: Places, say: Progress) -> Binaries:
    """The programs, compiled now if they are not in the cache."""
    binaries = find_binaries(places)
    if binaries.complete:
        return binaries
    go = find_go(places.home, wanted_go(), say)
    half_built = binaries.directory.with_suffix(".part")
    half_built.mkdir(parents=True, exist_ok=True)
    for module, packages in MODULES.items():
        say(f"compiling {module} (minutes the first time)")
        _build(go, DEPLOY / module, packages, half_built)
    shutil.rmtree(binaries.directory, ignore_errors=True)
    half_built.rename(binaries.directory)
    return binaries


def wanted_go() -> tuple[int, ...]:
    """The newest Go version that a module asks for."""
    texts = [(DEPLOY / module / "go.mod").read_text() for module in MODULES]
    found = [re.search(r"^go ([\d.]+)$", text, re.MULTILINE) for text in texts]
    return max(tuple(int(part) for part in match[1].split(".")) for match in found if match)


def _build(go: Path, module: Path, packages: tuple[str, ...], into: Path) -> None:
    command = [str(go), "build", *FLAGS, "-o", f"{into}/", *packages]
    # Go would ask git of the checkout, which may be missing, or may refuse a checkout of another user.
    flags = f"{os.environ.get('GOFLAGS', '')} -buildvcs=false".strip()
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": flags}
    done = subprocess.run(command, cwd=module, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise ClusterRefused(f"go build in {module} failed:\n{done.stderr.strip()[-1500:]}")


def fingerprint() -> str:
    """What a cluster is made of: the programs' sources and the configuration of its daemons."""
    seen = hashlib.sha256(_fingerprint().encode())
    for file in sorted((DEPLOY / "config").iterdir()):
        seen.update(file.name.encode() + b"\0" + file.read_bytes())
    return seen.hexdigest()[:16]


@cache
def _fingerprint() -> str:
    seen = hashlib.sha256(repr((FLAGS, MODULES)).encode())
    for module in MODULES:
        files = [*(DEPLOY / module).glob("go.*"), *(DEPLOY / module).glob("*/*.go")]
        for file in sorted(files):
            seen.update(file.relative_to(DEPLOY).as_posix().encode() + b"\0" + file.read_bytes())
    return seen.hexdigest()[:16]
