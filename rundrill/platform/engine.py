"""What faults need in the cluster before any may begin: the undoer's account, and the image that it runs."""

import yaml

from rundrill.cluster.places import find_places
from rundrill.cluster.provider import Progress, Provider
from rundrill.platform.cluster_client import Kubectl, Manifest
from rundrill.platform.engine_image import ROOT, engine_image, libraries_image
from rundrill.platform.image import base_image, deliver
from rundrill.standby import IMAGE


def place_undoer(provider: Provider, say: Progress) -> None:
    """The image on every node, the accounts of deploy/gameday, and the ConfigMap that names the image."""
    home = find_places().home
    base = base_image(home, say)
    libraries = libraries_image(base, home, say)
    image = engine_image(libraries)
    # Each travels without the layers below it, which the nodes have by then.
    deliver([libraries], base, provider, home, say)
    deliver([image], libraries, provider, home, say)
    files = sorted((ROOT / "deploy" / "gameday").glob("*.yaml"))
    named: Manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": IMAGE, "namespace": "rundrill"},
        "data": {"image": image.ref, "libraries": libraries.ref},
    }
    kubectl = Kubectl(provider.kubectl(), provider.kubeconfig())
    kubectl.apply([*(one for file in files for one in yaml.safe_load_all(file.read_text())), named])
