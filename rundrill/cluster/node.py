"""One node: its namespaces, its mounts, its containerd, kubelet and kube-proxy."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from rundrill.cluster import addresses as at
from rundrill.cluster.binaries import Binaries
from rundrill.cluster.cgroups import make_group
from rundrill.cluster.places import DEPLOY, Places
from rundrill.cluster.processes import First, members, run_inside, start_inside, stop, wake
from rundrill.cluster.provider import ClusterBroken

DAEMONS = ("containerd", "kubelet", "kube-proxy")

# What a node writes to the usual places stays in the node: nothing of it appears on the machine.
MOUNTS = """
mount --make-rshared /
hostname "$1"
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /var/lib
mkdir -p /run/lock /var/lib/kubelet /var/lib/containerd /var/lib/rundrill-volumes
mount --bind "$2/kubelet" /var/lib/kubelet
mount --bind "$2/volumes" /var/lib/rundrill-volumes
mount --bind "$2/log" /var/log
mount --bind "$3" /var/lib/containerd

# A kubelet sets these for the whole machine unless it finds them set. It finds them set: the machine keeps its own.
mkdir /run/tunables
while read -r name value; do
  [ -e "/proc/sys/$name" ] || continue
  echo "$value" > "/run/tunables/$(basename "$name")"
  mount --bind "/run/tunables/$(basename "$name")" "/proc/sys/$name"
done <<END
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
END
"""


@dataclass(frozen=True)
class Node:
    """One node, `a` or `b`, that lives as long as its first process."""

    letter: str
    first: First
    places: Places
    binaries: Binaries

    @property
    def name(self) -> str:
        """Its name in Kubernetes."""
        return f"rundrill-{self.letter}"

    @property
    def directory(self) -> Path:
        """What it keeps on disk, but for images."""
        return self.places.node(self.letter)

    def furnish(self, sandbox_image: str) -> None:
        """Gives fresh namespaces their mounts, cgroups and configuration files."""
        for part in ("kubelet", "volumes", "log", "cni"):
            (self.directory / part).mkdir(parents=True, exist_ok=True)
        content = self.places.containerd(self.letter)
        content.mkdir(parents=True, exist_ok=True)
        run_inside(self.first, ["sh", "-ec", MOUNTS, "sh", self.name, str(self.directory), str(content)])
        (self.directory / "resolv.conf").write_text("")
        self._render("containerd.toml", SANDBOX_IMAGE=sandbox_image, CNI_DIRECTORY=self.directory / "cni")
        self._render("cni.conflist", into="cni/pods.conflist", POD_RANGE=at.PODS[self.letter])
        self._render(
            "kube-proxy.yaml", NODE=self.name, POD_RANGES=at.POD_RANGES, KUBECONFIG=self.proxy_kubeconfig
        )
        self._render(
            "kubelet.yaml",
            NODE_ADDRESS=at.NODES[self.letter],
            PKI=self.places.pki,
            CGROUP_ROOT=make_group(self.letter),
            DNS_ADDRESS=at.DNS,
            RESOLV_CONF=self.directory / "resolv.conf",
        )

    def _render(self, template: str, into: str | None = None, **values: object) -> None:
        text = Template((DEPLOY / "config" / template).read_text()).substitute(values)
        (self.directory / (into or template)).write_text(text)

    @property
    def proxy_kubeconfig(self) -> Path:
        """The credentials of kube-proxy, the same on every node."""
        return self.places.pki / "kube-proxy.conf"

    def daemons(self) -> dict[str, int | None]:
        """The process id on the machine of each daemon; None for one that does not run."""
        running = {name: pid for pid, name in members(self.first)}
        return {name: running.get(name) for name in DAEMONS}

    def start_containerd(self) -> None:
        """Starts containerd if it does not run, and waits until it answers."""
        if self.daemons()["containerd"] is None:
            self._start("containerd", ["containerd", "--config", self.directory / "containerd.toml"])
        deadline = time.monotonic() + 30
        while True:
            try:
                self.ctr("version")
                return
            except ClusterBroken:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def wake(self) -> None:
        """Lets daemons go on that somebody stopped (SIGSTOP)."""
        for pid, _ in members(self.first):
            wake(pid)

    def start_daemons(self) -> None:
        """Starts kubelet and kube-proxy if they do not run."""
        running = self.daemons()
        if running["kubelet"] is None:
            self._start("kubelet", self._kubelet())
        if running["kube-proxy"] is None:
            config = self.directory / "kube-proxy.yaml"
            self._start("kube-proxy", [self.binaries["kube-proxy"], "--config", config])

    def _kubelet(self) -> list[str | Path]:
        return [
            self.binaries["kubelet"],
            f"--config={self.directory / 'kubelet.yaml'}",
            f"--kubeconfig={self.places.pki / self.letter / 'kubelet.conf'}",
            f"--hostname-override={self.name}",
            f"--node-ip={at.NODES[self.letter]}",
            f"--node-labels={','.join(f'{name}={value}' for name, value in self._labels().items())}",
        ]

    def _labels(self) -> dict[str, str]:
        labels = {"rundrill.dev/node": self.letter, "topology.kubernetes.io/zone": f"zone-{self.letter}"}
        # A drill may drain a node that allows it; node a keeps the control plane and whatever must survive.
        return labels | ({"rundrill.dev/drills": "allowed"} if self.letter == "b" else {})

    def _start(self, daemon: str, argv: Sequence[str | Path]) -> None:
        start_inside(self.first, argv, self.places.logs / f"{self.letter}-{daemon}.log")

    def ctr(self, *words: str, timeout_s: float = 60) -> str:
        """What containerd's client says, in the namespace that Kubernetes uses."""
        return run_inside(self.first, ["ctr", "--namespace=k8s.io", *words], timeout_s)

    def sweep(self) -> int:
        """Removes every container that an earlier cluster left in containerd's cache; gives their number."""
        if left := self.ctr("containers", "list", "--quiet").split():
            self.ctr("containers", "delete", *left, timeout_s=300)
        return len(left)

    def restart_containerd(self) -> None:
        """Makes containerd read its cache again."""
        if pid := self.daemons()["containerd"]:
            stop(pid)
        self.start_containerd()
