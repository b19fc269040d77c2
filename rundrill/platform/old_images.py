"""Removing images from the nodes that nothing in the cluster names any more."""

import re

from rundrill.cluster.provider import Progress, Provider
from rundrill.platform.cluster_client import Kubectl

REPOSITORIES = tuple(
    f"rundrill.dev/{name}" for name in ("base", "platform", "database", "libraries", "rundrill")
)
# Replica sets and revisions too: a rollback goes back to their images.
_NAMED_BY = (
    "pods,replicasets,deployments,statefulsets,daemonsets,controllerrevisions,jobs,cronjobs,configmaps"
)
_REF = re.compile(r"rundrill\.dev/[a-z]+:[0-9a-f]+")


def forget_old_images(provider: Provider, kubectl: Kubectl, say: Progress) -> None:
    """The nodes keep our images that some object of the cluster names, and no others."""
    listed = kubectl.run("get", _NAMED_BY, "--all-namespaces", "--output=json")
    provider.forget_images(REPOSITORIES, frozenset(_REF.findall(listed)), say)
