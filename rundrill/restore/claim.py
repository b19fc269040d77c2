"""Where a backup's claim is mounted already, and what the live database runs on."""

from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from rundrill.errors import NoEvidence, TargetError
from rundrill.gateway.kubernetes import Json, Kube
from rundrill.restore.shell import PodShell
from rundrill.target import BackupPlace, DatabaseAddress


@dataclass(frozen=True)
class Mount:
    """A running container that has the claim in its file system."""

    pod: str
    container: str
    node: str
    path: str


@dataclass(frozen=True)
class Server:
    """The live server's pod, as far as a scratch server is made like it."""

    pod: str
    container: str
    image: str
    pull_policy: str
    security: Json
    container_security: Json


def find_mount(kube: Kube, place: BackupPlace) -> Mount | None:
    """A running container that mounts the claim; None where nobody does."""
    for pod in kube.items("v1/Pod", place.namespace):
        if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]:
            found = mount_of(pod, place.claim)
            if found:
                return found
    return None


def mount_of(pod: Json, claim: str) -> Mount | None:
    """Where this pod mounts the whole claim; None where it does not."""
    volumes = {
        volume["name"]
        for volume in pod["spec"].get("volumes", ())
        if volume.get("persistentVolumeClaim", {}).get("claimName") == claim
    }
    for container in pod["spec"]["containers"]:
        for mount in container.get("volumeMounts", ()):
            if mount["name"] in volumes and "subPath" not in mount and "subPathExpr" not in mount:
                name, node = pod["metadata"]["name"], pod["spec"].get("nodeName", "")
                return Mount(name, container["name"], node, mount["mountPath"])
    return None


def find_server(kube: Kube, address: DatabaseAddress) -> Server:
    """The live server behind a service; NoEvidence where no pod is."""
    namespace, _, rest = address.service.partition("/")
    name, _, port = rest.partition(":")
    selector = kube.one("v1/Service", namespace, name)["spec"].get("selector")
    if not selector:
        raise TargetError(
            f"Service {address.service} selects no pods, so no server's image can be read from them"
        )
    pods = kube.items("v1/Pod", namespace, ",".join(f"{key}={value}" for key, value in selector.items()))
    running = [pod for pod in pods if pod["status"].get("phase") == "Running"]
    if not running:
        raise NoEvidence(f"no pod runs behind {address.service}")
    server = server_of(running[0], port)
    if "runAsUser" in server.security or "runAsUser" in server.container_security:
        return server
    # The image starts as root and steps down by itself; a scratch server starts as whom it steps down to.
    asked = PodShell(kube, namespace, server.pod, server.container).run("id -u postgres")
    user = int(asked.text) if asked.text.strip().isdigit() else 0
    return replace(server, security=server.security | {"runAsUser": user, "fsGroup": user})


def server_of(pod: Json, port: str) -> Server:
    """What that pod's server container runs, by its port; the first container where none tells its port."""
    containers = pod["spec"]["containers"]
    chosen = next((one for one in containers if port in _ports(one)), containers[0])
    return Server(
        pod["metadata"]["name"],
        chosen["name"],
        chosen["image"],
        chosen.get("imagePullPolicy", "IfNotPresent"),
        pod["spec"].get("securityContext") or {},
        chosen.get("securityContext") or {},
    )


def directory_in(place: BackupPlace, mounted_at: str) -> str:
    """The artefacts' directory as a container sees it that mounts the claim there; an absolute one stands as it is."""
    return str(PurePosixPath(mounted_at) / place.directory)


def mount_path(place: BackupPlace, mount: Mount | None) -> str:
    """Where a scratch pod mounts the claim: as others do, so that an absolute directory means the same."""
    if mount:
        return mount.path
    return place.directory if place.directory.startswith("/") else "/backups"


def shell_at(kube: Kube, place: BackupPlace, mount: Mount) -> PodShell:
    """A shell in the container that mounts the claim."""
    return PodShell(kube, place.namespace, mount.pod, mount.container)


def _ports(container: Json) -> set[str]:
    return {str(port.get(key)) for port in container.get("ports", ()) for key in ("containerPort", "name")}
