"""Image archives into containerd, once for each content."""

import json
import tarfile
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rundrill.cluster.archive import SmallImage
from rundrill.cluster.binaries import Binaries
from rundrill.cluster.node import Node
from rundrill.cluster.places import Places
from rundrill.cluster.processes import FIRST_PROCESS
from rundrill.cluster.provider import ClusterRefused

LABEL = "rundrill.dev/content"


@dataclass(frozen=True)
class Archive:
    """An image archive: its file, what identifies its content, and the names it gives."""

    path: Path
    content: str
    refs: tuple[str, ...]


def open_archive(path: Path) -> Archive:
    """Reads the table of contents of a docker or OCI archive."""
    try:
        with tarfile.open(path) as tar:
            names = tar.getnames()
            wanted = "manifest.json" if "manifest.json" in names else "index.json"
            member = tar.extractfile(wanted)
            listed = json.load(member) if member else None
    except (OSError, KeyError, tarfile.TarError, ValueError) as problem:
        raise ClusterRefused(f"{path}: not a docker or OCI image archive: {problem}") from problem
    if isinstance(listed, list) and listed:
        refs = tuple(qualified(tag) for entry in listed for tag in entry.get("RepoTags") or ())
        return Archive(path, listed[0]["Config"].removesuffix(".json").rpartition("/")[2], refs)
    if isinstance(listed, dict) and listed.get("manifests"):
        first = listed["manifests"][0]
        name = first.get("annotations", {}).get("org.opencontainers.image.ref.name")
        return Archive(path, first["digest"].removeprefix("sha256:"), (qualified(name),) if name else ())
    raise ClusterRefused(f"{path}: the archive lists no image")


def qualified(ref: str) -> str:
    """The reference with registry and tag, as containerd keeps it."""
    head, _, rest = ref.partition("/")
    if not rest:
        ref = f"docker.io/library/{ref}"
    elif not ("." in head or ":" in head or head == "localhost"):
        ref = f"docker.io/{ref}"
    last = ref.rpartition("/")[2]
    return ref if ":" in last or "@" in last else f"{ref}:latest"


def images_on(node: Node) -> dict[str, str]:
    """Every image reference on the node, with the content that we loaded under it ("" where it was not us)."""
    found = {}
    for line in node.ctr("images", "list").splitlines()[1:]:
        words = line.split()
        labels = dict(pair.partition("=")[::2] for pair in words[-1].split(","))
        found[words[0]] = labels.get(LABEL, "")
    return found


def forget(node: Node, repositories: tuple[str, ...], kept: Collection[str]) -> list[str]:
    """Removes the node's images of these repositories but for those kept and those that a container is of; gives their names."""
    digests = {line.split()[0]: line.split()[2] for line in node.ctr("images", "list").splitlines()[1:]}
    used = {line.split()[1] for line in node.ctr("containers", "list").splitlines()[1:]}
    held = {digests.get(ref) for ref in (*used, *kept)}
    ours = {ref for ref in digests if ref.rpartition(":")[0] in repositories and digests[ref] not in held}
    # Kubernetes keeps each image under the digest of its configuration too.
    gone = {digests[ref] for ref in ours}
    if names := sorted(ref for ref, digest in digests.items() if digest in gone):
        node.ctr("images", "remove", *names, timeout_s=300)
    return sorted(ours)


def load(archives: Iterable[Archive], nodes: Sequence[Node]) -> dict[Archive, list[str]]:
    """Imports each archive where its content is not there yet; gives the names of the nodes that needed it."""
    wanted = list(archives)
    with ThreadPoolExecutor(len(nodes)) as threads:
        needed = list(threads.map(lambda node: _load_on(node, wanted), nodes))
    return {
        archive: [node.name for node, some in zip(nodes, needed, strict=True) if archive in some]
        for archive in wanted
    }


def _load_on(node: Node, archives: Iterable[Archive]) -> list[Archive]:
    there = images_on(node)
    needed = [a for a in archives if not a.refs or any(there.get(ref) != a.content for ref in a.refs)]
    for archive in needed:
        node.ctr("images", "import", str(archive.path), timeout_s=600)
        for ref in archive.refs:
            node.ctr("images", "label", ref, f"{LABEL}={archive.content}")
    return needed


def write_own(places: Places, binaries: Binaries) -> dict[str, Archive]:
    """The archives of the cluster's own parts, each an image of one static program."""
    program = {name: binaries[name] for name in ("coredns", "metrics-server", "provisioner")}
    own = {
        name: SmallImage(f"rundrill.dev/{name}", {name: path}, (f"/{name}",))
        for name, path in program.items()
    }
    own["pause"] = SmallImage("rundrill.dev/pause", {"catatonit": Path(FIRST_PROCESS)}, ("/catatonit", "-P"))
    return {name: open_archive(image.write(places.images)) for name, image in own.items()}
