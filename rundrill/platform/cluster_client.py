"""The cluster as the platform's set-up sees it: kubectl, with our kubeconfig."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rundrill.errors import TargetError

type Manifest = dict[str, object]
FIELD_MANAGER = "rundrill"


class KubectlFailed(TargetError):
    """kubectl said no; the message holds its words."""


@dataclass(frozen=True)
class Kubectl:
    """A kubectl of the cluster's version, and the kubeconfig it uses."""

    program: Path
    kubeconfig: Path

    def run(self, *words: str, stdin: str | None = None, timeout_s: float = 60) -> str:
        """Standard output of one call; KubectlFailed with its error output where it fails."""
        command = [str(self.program), f"--kubeconfig={self.kubeconfig}", *words]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, input=stdin or "", timeout=timeout_s, check=False
            )
        except subprocess.TimeoutExpired as late:
            raise KubectlFailed(f"kubectl {' '.join(words[:3])}: no answer within {timeout_s:g} s") from late
        if done.returncode:
            raise KubectlFailed(f"kubectl {' '.join(words[:3])}: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def items(self, *words: str) -> list[Manifest]:
        """The objects that `kubectl get` with these words lists; none where there are none."""
        listed = json.loads(self.run("get", *words, "--output=json", "--ignore-not-found") or '{"items": []}')
        items: list[Manifest] = listed.get("items", [listed])
        return items

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
