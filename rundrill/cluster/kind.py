"""The same cluster by kind, where a Docker engine answers."""

import json
import shutil
import subprocess
from collections.abc import Collection, Sequence
from pathlib import Path

from rundrill.cluster.images import open_archive, qualified
from rundrill.cluster.places import Places, find_places
from rundrill.cluster.provider import ClusterBroken, ClusterRefused, ClusterStatus, NodeStatus, Progress

CLUSTER = "rundrill"
PROGRAMS = ("docker", "kind", "kubectl")
SHAPE = """
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
networking: {podSubnet: 198.18.0.0/17, serviceSubnet: 198.19.0.0/16}
nodes: [{role: control-plane}, {role: worker}, {role: worker}]
"""


def kind_is_here() -> bool:
    """Whether kind can be taken without installing anything: its programs are there, and a Docker engine answers."""
    return all(shutil.which(program) for program in PROGRAMS) and docker_answers()


def docker_answers() -> bool:
    """Whether there is a Docker engine that this user may use."""
    docker = shutil.which("docker")
    return (
        docker is not None
        and subprocess.run([docker, "info"], capture_output=True, timeout=20).returncode == 0
    )


class Kind:
    """The provider that leaves everything to kind: https://kind.sigs.k8s.io."""

    name = "kind"
    keeps_layers = False

    def __init__(self, places: Places | None = None) -> None:
        self.places = places or find_places()

    def preflight(self) -> None:
        """Refuses (ClusterRefused) without Docker, kind or kubectl."""
        for program in PROGRAMS:
            if shutil.which(program) is None:
                raise ClusterRefused(
                    f"the kind provider needs {program}, which is not on PATH; or use the native one"
                )
        if not docker_answers():
            raise ClusterRefused(
                "no Docker engine answers (docker info); start it, or use the native provider"
            )

    def up(self, say: Progress) -> None:
        """Makes the cluster if there is none; comes back when its nodes are Ready."""
        self.preflight()
        kubeconfig = f"--kubeconfig={self._own_kubeconfig}"
        if CLUSTER not in _run("kind", "get", "clusters").split():
            say("kind create cluster")
            _run(
                "kind",
                "create",
                "cluster",
                f"--name={CLUSTER}",
                "--config=-",
                kubeconfig,
                "--wait=180s",
                given=SHAPE,
            )
        else:
            _run("kind", "export", "kubeconfig", f"--name={CLUSTER}", kubeconfig)
        _run("kubectl", kubeconfig, "config", "rename-context", f"kind-{CLUSTER}", CLUSTER)
        _run("kubectl", kubeconfig, "wait", "--for=condition=Ready", "nodes", "--all", "--timeout=180s")

    def down(self, say: Progress) -> None:
        """Removes the cluster."""
        say("kind delete cluster")
        _run("kind", "delete", "cluster", f"--name={CLUSTER}")
        self._own_kubeconfig.unlink(missing_ok=True)

    def status(self) -> ClusterStatus:
        """The nodes and whether they are Ready."""
        if not self._own_kubeconfig.exists():
            return ClusterStatus(False, (), {"nodes": "there are none"})
        said = _run("kubectl", f"--kubeconfig={self._own_kubeconfig}", "get", "nodes", "--output=json")
        nodes = tuple(
            NodeStatus(
                node["metadata"]["name"],
                any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"]["conditions"]),
                {},
            )
            for node in json.loads(said)["items"]
        )
        parts = {node.name: "ok" if node.ready else "not Ready" for node in nodes}
        return ClusterStatus(bool(nodes) and all(node.ready for node in nodes), nodes, parts)

    @property
    def _own_kubeconfig(self) -> Path:
        return self.places.home / "kind.kubeconfig"

    def kubeconfig(self) -> Path:
        """A kubeconfig of our own whose context is called `rundrill`."""
        if not self._own_kubeconfig.exists():
            raise ClusterRefused("there is no cluster: run rundrill up")
        return self._own_kubeconfig

    def kubectl(self) -> Path:
        """The kubectl on PATH."""
        return Path(shutil.which("kubectl") or "kubectl")

    def load_images(self, archives: Sequence[Path], say: Progress) -> None:
        """Puts image archives on every node, but for those whose every name is already there."""
        for path in archives:
            refs = open_archive(path).refs
            if not refs or self.missing_images(refs):
                say(f"kind load image-archive {path.name}")
                _run("kind", "load", "image-archive", str(path), f"--name={CLUSTER}")

    def forget_images(self, repositories: tuple[str, ...], kept: Collection[str], say: Progress) -> None:
        """Does nothing: the kubelets of kind remove what they do not need."""

    def missing_images(self, refs: Collection[str]) -> set[str]:
        """Those of these images that some node does not have."""
        nodes = _run("kind", "get", "nodes", f"--name={CLUSTER}").split()
        listed = [
            _run("docker", "exec", node, "ctr", "--namespace=k8s.io", "images", "list", "-q").split()
            for node in nodes
        ]
        return {ref for ref in refs if not listed or not all(qualified(ref) in names for names in listed)}


def _run(*argv: str, given: str | None = None) -> str:
    done = subprocess.run(argv, input=given, capture_output=True, text=True)
    if done.returncode:
        raise ClusterBroken(f"{' '.join(argv[:3])}: exit {done.returncode}: {done.stderr.strip()[-600:]}")
    return done.stdout
