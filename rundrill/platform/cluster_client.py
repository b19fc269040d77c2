"""The cluster as the platform's set-up sees it: kubectl, with our kubeconfig."""

import json
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from rundrill.cluster.provider import Progress
from rundrill.errors import TargetError

type Manifest = dict[str, object]
FIELD_MANAGER = "rundrill"


PATIENCE = timedelta(minutes=4)
"""How long a cluster may be too busy to answer: sixty pods that start on two processors have taken it three minutes."""
PAUSE = timedelta(seconds=3)
_BUSY = re.compile(
    r"time(?:d |-)?out|Too Many Requests|in the time allotted|TLS handshake|unexpected EOF", re.I
)


class KubectlFailed(TargetError):
    """kubectl said no; the message holds its words."""


class _Busy(KubectlFailed):
    """The API server did not answer in time, which says nothing of what it was asked."""


def _quiet(_: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Kubectl:
    """A kubectl of the cluster's version, and the kubeconfig it uses; whoever listens hears of a busy API server."""

    program: Path
    kubeconfig: Path
    say: Progress = field(default=_quiet, compare=False)

    def run(self, *words: str, stdin: str | None = None, timeout_s: float = 60) -> str:
        """Standard output of one call; KubectlFailed with its error output where it fails.

        A busy API server is asked again for PATIENCE, so each call must be one that can be made twice.
        """
        deadline = time.monotonic() + PATIENCE.total_seconds()
        while True:
            try:
                return self._once(words, stdin or "", timeout_s)
            except _Busy as busy:
                if time.monotonic() > deadline:
                    raise
                self.say(f"asking again: {busy}")
                time.sleep(PAUSE.total_seconds())

    def _once(self, words: Sequence[str], stdin: str, timeout_s: float) -> str:
        command = [str(self.program), f"--kubeconfig={self.kubeconfig}", *words]
        said = f"kubectl {' '.join(words[:3])}"
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, input=stdin, timeout=timeout_s, check=False
            )
        except subprocess.TimeoutExpired as late:
            raise _Busy(f"{said}: no answer within {timeout_s:g} s") from late
        if done.returncode:
            kind = _Busy if _BUSY.search(done.stderr) else KubectlFailed
            raise kind(f"{said}: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def items(self, *words: str) -> list[Manifest]:
        """The objects that `kubectl get` with these words lists; none where there are none."""
        listed = json.loads(self.run("get", *words, "--output=json", "--ignore-not-found") or '{"items": []}')
        items: list[Manifest] = listed.get("items", [listed])
        return items

    def remove(self, kind: str, namespace: str, name: str) -> None:
        """Lets one object go, and does not wait for it; `namespace` is "" where it has none."""
        where = [f"--namespace={namespace}"] if namespace else []
        self.run("delete", kind, name, *where, "--ignore-not-found", "--wait=false")

    def apply(self, manifests: Sequence[Manifest]) -> str:
        """Server-side apply of all these objects, ours winning every conflict."""
        document = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
        words = (
            "apply",
            "--server-side",
            "--force-conflicts",
            f"--field-manager={FIELD_MANAGER}",
            "--filename=-",
        )
        return self.run(*words, stdin=document, timeout_s=120)
