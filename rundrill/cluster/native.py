"""A real Kubernetes of two nodes on one machine, without a container engine."""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rundrill.cluster import addons, cgroups, control_plane, images, network
from rundrill.cluster.api import Api, Unanswered
from rundrill.cluster.binaries import Binaries, build_binaries, find_binaries
from rundrill.cluster.debian import install_packages
from rundrill.cluster.node import Node
from rundrill.cluster.places import Places, find_places
from rundrill.cluster.preflight import check_machine, check_way
from rundrill.cluster.processes import end, find_firsts, start_first
from rundrill.cluster.provider import ClusterBroken, ClusterRefused, ClusterStatus, NodeStatus, Progress

LETTERS = ("a", "b")
PATIENCE_S = 180.0


class Native:
    """The provider that needs nothing but root, Debian packages and Go modules."""

    name = "native"

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
            if self.status().running:
                say("the cluster is up")
                return
            began = time.monotonic()
            binaries = build_binaries(self.places, say)
            own = {
                name: image.write(self.places.images) for name, image in images.own_images(binaries).items()
            }
            nodes = self._nodes(binaries) or self._fresh_nodes(binaries, own["pause"][0], say)
            self._start(nodes, binaries, own, say)
            say(f"the cluster is up ({time.monotonic() - began:.0f} s)")

    def _nodes(self, binaries: Binaries) -> list[Node]:
        """The nodes as they live; none unless both do."""
        firsts = find_firsts()
        alive = [(letter, firsts.get((letter, self.places.home))) for letter in LETTERS]
        nodes = [Node(letter, first, self.places, binaries) for letter, first in alive if first]
        return nodes if len(nodes) == len(LETTERS) and self.places.kubeconfig.exists() else []

    def _fresh_nodes(self, binaries: Binaries, sandbox_image: str, say: Progress) -> list[Node]:
        """New namespaces for both nodes; whatever half a cluster left is ended first."""
        self._end_nodes()
        say("making two nodes")
        self.places.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        nodes = []
        for letter in LETTERS:
            node = Node(letter, start_first(letter, self.places.home), self.places, binaries)
            node.furnish(sandbox_image)
            nodes.append(node)
        network.connect(nodes[0].first, nodes[1].first)
        control_plane.make_credentials(self.places, binaries, nodes)
        return nodes

    def _start(
        self, nodes: list[Node], binaries: Binaries, own: dict[str, tuple[str, Path]], say: Progress
    ) -> None:
        if not network.connected():
            network.disconnect_machine()
            network.connect_machine(nodes[0].first)
        new = not self.places.etcd.exists()
        say("starting etcd, the API server and their controllers")
        control_plane.start(nodes[0], self.places, binaries)
        for node in nodes:
            node.start_containerd()
            if new and node.sweep():
                node.restart_containerd()
        for _, archive in own.values():
            images.load(images.open_archive(archive), nodes)
        self._wait("the API server", lambda: Api(self.places).ready(), say)
        say("starting the kubelets")
        for node in nodes:
            node.start_daemons()
        addons.apply(self.places, binaries["kubectl"], {name: ref for name, (ref, _) in own.items()})
        self._wait("the cluster", lambda: self.status().running, say)

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
        return ", ".join(f"{part} {state}" for part, state in self.status().parts.items() if state != "ok")

    def down(self, say: Progress) -> None:
        """Removes the cluster and everything it left on the machine, but for the caches."""
        if not self.places.home.exists():
            return
        with self._alone(say):
            say("ending the nodes")
            self._end_nodes()
            self._sweep(say)
            shutil.rmtree(self.places.state, ignore_errors=True)
            if left := cgroups.remove_groups():
                raise ClusterBroken(f"cgroups that would not go: {', '.join(map(str, left))}")
            say("the cluster is gone")

    def _end_nodes(self) -> None:
        """Ends both nodes, and with them their processes, mounts, links, routes and rules."""
        for (_, home), first in find_firsts().items():
            if home == self.places.home:
                end(first)
        network.disconnect_machine()
        cgroups.remove_groups()

    def _sweep(self, say: Progress) -> None:
        """Empties the image caches of the containers of the cluster that was."""
        binaries = find_binaries(self.places)
        for letter in LETTERS:
            if not self.places.state.exists() or not self.places.containerd(letter).exists():
                continue
            node = Node(letter, start_first(letter, self.places.home), self.places, binaries)
            try:
                node.furnish("none")
                node.start_containerd()
                if swept := node.sweep():
                    say(f"{node.name}: {swept} containers removed")
            finally:
                end(node.first)

    def status(self) -> ClusterStatus:
        """The state of every part, in less than a second, without changing any."""
        nodes = self._nodes(find_binaries(self.places))
        if not nodes:
            return ClusterStatus(False, (), {"nodes": "there are none"})
        parts = {
            name: "ok" if pid else "does not run" for name, pid in control_plane.daemons(nodes[0]).items()
        }
        parts["link"] = "ok" if network.connected() else "missing"
        ready = set()
        try:
            api = Api(self.places)
            ready = api.ready_nodes()
            pods = api.ready_pods({node.name: node.first.born for node in nodes})
            for app, count in addons.EXPECTED.items():
                parts[app] = (
                    "ok" if pods.get(app, 0) >= count else f"{pods.get(app, 0)} of {count} pods ready"
                )
            parts["metrics"] = "ok" if api.metrics_available() else "not available"
        except Unanswered as problem:
            parts["api"] = f"does not answer: {problem}"
        seen = tuple(NodeStatus(node.name, node.name in ready, node.daemons()) for node in nodes)
        for node in seen:
            lost = [daemon for daemon, pid in node.daemons.items() if pid is None]
            parts[node.name] = (
                f"{', '.join(lost)} does not run" if lost else "ok" if node.ready else "not Ready"
            )
        return ClusterStatus(all(state == "ok" for state in parts.values()), seen, parts)

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
        nodes = self._living()
        for path in archives:
            for name in images.load(images.open_archive(path), nodes):
                say(f"{name}: loaded {path.name}")

    def has_image(self, ref: str) -> bool:
        """Whether every node has the image."""
        return all(images.qualified(ref) in images.images_on(node) for node in self._living())

    def _living(self) -> list[Node]:
        nodes = self._nodes(find_binaries(self.places))
        if not nodes:
            raise ClusterRefused("there is no cluster: run rundrill up")
        return nodes

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
