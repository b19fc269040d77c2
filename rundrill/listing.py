"""Kubernetes' objects by kind and namespace: each list is asked for once a session, and filtered here."""

from typing import Any

from rundrill.errors import NoEvidence
from rundrill.labels import picks
from rundrill.session import Session

type Json = dict[str, Any]


def listed(session: Session, api: str, namespace: str | None, selector: str = "") -> list[Json]:
    """All objects of a kind that a label selector picks; NoEvidence where there is no such namespace.

    Secrets come as metadata only: what is never asked for can be shown nowhere.
    """
    bare = api == "v1/Secret"
    found: list[Json] = session.cached(
        ("list", api, namespace), lambda: session.kube.items(api, namespace, metadata_only=bare)
    )
    if not found and namespace:
        must_exist(session, namespace)
    if not selector:
        return found
    try:
        return [one for one in found if picks(selector, one["metadata"].get("labels") or {})]
    except ValueError as error:
        raise NoEvidence(str(error)) from None


def must_exist(session: Session, namespace: str) -> None:
    """NoEvidence where the target has no such namespace: its emptiness would prove nothing."""
    spaces = session.cached(
        ("list", "namespaces"), lambda: session.kube.items("v1/Namespace", metadata_only=True)
    )
    if namespace not in {one["metadata"]["name"] for one in spaces}:
        raise NoEvidence(f"there is no namespace {namespace!r} on {session.target.url}")


def present_pods(session: Session, namespace: str, selector: str) -> list[Json]:
    """The pods that a selector picks, but for those that ran to their end or are on their way out."""
    return [
        pod
        for pod in listed(session, "v1/Pod", namespace, selector)
        if "deletionTimestamp" not in pod["metadata"]
        and pod["status"].get("phase") not in ("Succeeded", "Failed")
    ]


_DEFAULT = "kubectl.kubernetes.io/default-container"


def container_of(pod: Json, said: str | None) -> str:
    """The container that was named, else the pod's default one, else its first."""
    default = (pod["metadata"].get("annotations") or {}).get(_DEFAULT)
    return str(said or default or pod["spec"]["containers"][0]["name"])


def full_name(one: Json) -> str:
    """`namespace/name`, or the name of what is cluster-wide."""
    namespace = one["metadata"].get("namespace")
    return f"{namespace}/{one['metadata']['name']}" if namespace else str(one["metadata"]["name"])


def mounted_at(pod: Json, claim: str) -> tuple[str, str] | None:
    """Container and path where a pod sees the claim; None where it does not mount it."""
    volumes = {
        volume["name"]
        for volume in pod["spec"].get("volumes") or ()
        if (volume.get("persistentVolumeClaim") or {}).get("claimName") == claim
    }
    for container in pod["spec"]["containers"]:
        for mount in container.get("volumeMounts") or ():
            if mount["name"] in volumes and "subPath" not in mount:
                return container["name"], str(mount["mountPath"])
    return None
