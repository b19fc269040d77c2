"""A real Kubernetes of two nodes on one machine, without a container engine."""

import fcntl
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rundrill.cluster import addons, control_plane, health, images, network, nodes
from rundrill.cluster.api import Api
from rundrill.cluster.binaries import Binaries, build_binaries, find_binaries, fingerprint
from rundrill.cluster.debian import install_packages
from rundrill.cluster.images import Archive
from rundrill.cluster.node import Node
from rundrill.cluster.places import Places, find_places
from rundrill.cluster.preflight import check_machine, check_way
from rundrill.cluster.provider import ClusterBroken, ClusterRefused, ClusterStatus, Progress

PATIENCE_S = 300.0


class Native:
    """The provider that needs nothing but root, Debian packages and Go modules."""

    name = "native"
    keeps_layers = True

    def __init__(self, places: Places | None = None) -> None:
        self.places = places or find_places()

    def preflight(self) -> None:
        """Refuses (ClusterRefused) where this machine cannot carry the cluster, or something is in its way."""
        check_machine(self.places)
        check_way(self.places)

    def up(self, say: Progress) -> None:
        """Makes or heals the cluster; comes back when nodes, DNS, metrics and storage are ready."""
        check_machine(self.places)
        install_packages(say)
        with self._alone(say):
            check_way(self.places)
            current = nodes.made_of(self.places) == fingerprint()
            if current and self.status().running:
                say("the cluster is up")
                return
            began = time.monotonic()
            binaries = build_binaries(self.places, say)
            own = images.write_own(self.places, binaries)
            pair = nodes.living(self.places, binaries) if current else []
            if not pair:
                say("making two nodes")
                pair = nodes.make(self.places, binaries, own["pause"].refs[0], fingerprint())
            self._start(pair, binaries, own, say)
            say(f"the cluster is up ({time.monotonic() - began:.0f} s)")

    def _start(self, pair: list[Node], binaries: Binaries, own: dict[str, Archive], say: Progress) -> None:
        """Starts whatever does not run, from the bottom up."""
        a = pair[0]
        for node in pair:
            node.wake()
        if not network.connected(self.places):
            network.disconnect_machine()
            network.connect_machine(a.first, self.places)
        new = not self.places.etcd.exists()
        say("starting etcd, the API server and their controllers")
        control_plane.start(a, self.places, binaries)
        for node in pair:
            node.start_containerd()
            if new and node.daemons()["kubelet"] is None and node.sweep():
                node.restart_containerd()
        images.load(own.values(), pair)
        self._wait_for_api(a, binaries, say)
        say("starting the kubelets")
        for node in pair:
            node.start_daemons()
        addons.apply(self.places, binaries["kubectl"], {name: image.refs[0] for name, image in own.items()})
        self._wait("the cluster", lambda: self.status().running, say)

    def _wait_for_api(self, a: Node, binaries: Binaries, say: Progress) -> None:
        lost = False

        def answers() -> bool:
            nonlocal lost
            lost = control_plane.daemons(a)["etcd"] is None
            return lost or Api(self.places).ready()

        self._wait("the API server", answers, say)
        if lost:
            say(
                f"etcd cannot use its content (see {self.places.logs}/etcd.log): starting with an empty cluster"
            )
            control_plane.forget(a, self.places)
            control_plane.start(a, self.places, binaries)
            self._wait("the API server", lambda: Api(self.places).ready(), say)

    def _wait(self, what: str, ready: Callable[[], bool], say: Progress) -> None:
        deadline = time.monotonic() + PATIENCE_S
        told = time.monotonic()
        while not ready():
            now = time.monotonic()
            if now > deadline:
                raise ClusterBroken(
                    f"{what} is not ready after {PATIENCE_S:.0f} s: {self._lacking()}; see {self.places.logs}"
                )
            if now - told > 15:
                say(f"waiting for {what}: {self._lacking()}")
                told = now
            time.sleep(0.25)

    def _lacking(self) -> str:
        return ", ".join(
            f"{part} {state}" for part, state in self.status().parts.items() if state != health.OK
        )

    def down(self, say: Progress) -> None:
        """Removes the cluster and everything it left on the machine, but for the caches."""
        if not self.places.home.exists():
            return
        with self._alone(say):
            lived = bool(nodes.living(self.places, find_binaries(self.places))) or self.places.state.exists()
            nodes.end_all(self.places)
            if lived:
                nodes.sweep_caches(self.places, find_binaries(self.places), say)
                nodes.end_all(self.places)
            if self.places.state.exists():
                shutil.rmtree(self.places.state)
            say("the cluster is gone" if lived else "there is no cluster")

    def status(self) -> ClusterStatus:
        """The state of every part, in less than a second, without changing any."""
        return health.look(nodes.living(self.places, find_binaries(self.places)), self.places)

    def kubeconfig(self) -> Path:
        """A kubeconfig of our own whose context is called `rundrill`."""
        if not self.places.kubeconfig.exists():
            raise ClusterRefused("there is no cluster: run rundrill up")
        return self.places.kubeconfig

    def kubectl(self) -> Path:
        """A kubectl of the cluster's version."""
        return find_binaries(self.places)["kubectl"]

    def load_images(self, archives: Sequence[Path], say: Progress) -> None:
        """Puts image archives (docker or OCI) on every node, but for those already there."""
        loaded = images.load([images.open_archive(path) for path in archives], self._living())
        for archive, names in loaded.items():
            if names:
                say(f"loaded {archive.path.name} on {' and '.join(names)}")

    def forget_images(self, repositories: tuple[str, ...], kept: Collection[str], say: Progress) -> None:
        """Removes images of these repositories that nobody uses, but for those kept."""
        gone = {ref for node in self._living() for ref in images.forget(node, repositories, kept)}
        if gone:
            say(f"removed {len(gone)} old images")

    def missing_images(self, refs: Collection[str]) -> set[str]:
        """Those of these images that some node does not have."""
        there = [images.images_on(node) for node in self._living()]
        return {ref for ref in refs if not all(images.qualified(ref) in names for names in there)}

    def _living(self) -> list[Node]:
        pair = nodes.living(self.places, find_binaries(self.places))
        if not pair:
            raise ClusterRefused("there is no cluster: run rundrill up")
        return pair

    @contextmanager
    def _alone(self, say: Progress) -> Iterator[None]:
        """Holds the lock that lets one `up` or `down` work at a time."""
        with self.places.lock.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("waiting for another rundrill that works on the cluster")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
