"""A POSIX shell next to the backup: where it runs is not the business of who asks."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from rundrill.gateway.kubectl import Completed
from rundrill.gateway.kubernetes import Kube

A_MOMENT = timedelta(seconds=20)


class Shell(Protocol):
    """Runs a script to its end, under `sh -eu`, with words as $1, $2, …"""

    def run(self, script: str, *words: str, timeout: timedelta = A_MOMENT) -> Completed:
        """Exit code and output; TargetError where it could not be started or took longer."""


@dataclass(frozen=True)
class PodShell:
    """The shell of one container."""

    kube: Kube
    namespace: str
    pod: str
    container: str

    def run(self, script: str, *words: str, timeout: timedelta = A_MOMENT) -> Completed:
        """Exit code and output; TargetError where it could not be started or took longer."""
        argv = ["sh", "-eu", "-c", script, "rundrill", *words]
        return self.kube.exec(self.namespace, self.pod, self.container, argv, timeout=timeout.total_seconds())
