"""Image archives into containerd, once for each content."""

import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rundrill.cluster.archive import SmallImage
from rundrill.cluster.binaries import Binaries
from rundrill.cluster.node import Node
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


def load(archive: Archive, nodes: Iterable[Node]) -> list[str]:
    """Imports the archive where its content is not there yet; gives the names of the nodes that needed it."""
    needed = []
    for node in nodes:
        there = images_on(node)
        if archive.refs and all(there.get(ref) == archive.content for ref in archive.refs):
            continue
        node.ctr("images", "import", str(archive.path), timeout_s=600)
        for ref in archive.refs:
            node.ctr("images", "label", ref, f"{LABEL}={archive.content}")
        needed.append(node.name)
    return needed


def own_images(binaries: Binaries) -> dict[str, SmallImage]:
    """The images of the cluster's own parts, each of one static program."""
    program = {name: binaries[name] for name in ("coredns", "metrics-server", "provisioner")}
    images = {
        name: SmallImage(f"rundrill.dev/{name}", {name: path}, [f"/{name}"]) for name, path in program.items()
    }
    pause = SmallImage("rundrill.dev/pause", {"catatonit": Path("/usr/bin/catatonit")}, ["/catatonit", "-P"])
    return images | {"pause": pause}
