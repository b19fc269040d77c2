"""testinfra inside a pod, through our own exec: with a time-out, and with a failed exec told from a failed command."""

from typing import Any

from testinfra.backend.kubectl import KubectlBackend
from testinfra.host import Host

from rundrill.gateway.kubernetes import Kube

TIMEOUT_S = 20.0


class _PodBackend(KubectlBackend):  # type: ignore[misc]
    def __init__(self, kube: Kube, namespace: str, pod: str, container: str) -> None:
        super().__init__(pod, namespace=namespace, container=container)
        self._kube = kube

    def run(self, command: str, *args: str, **_: Any) -> Any:
        asked = self.get_command(command, *args)
        argv = ["/bin/sh", "-c", asked]
        done = self._kube.exec(self.namespace, self.name, self.container, argv, timeout=TIMEOUT_S)
        return self.result(done.code, self.encode(asked), done.stdout, done.stderr)


def open_pod(kube: Kube, namespace: str, pod: str, container: str) -> Any:
    """A testinfra host that is one container; its commands raise TargetError where they could not be started."""
    return Host(_PodBackend(kube, namespace, pod, container))
