"""The accounts of deploy/gameday, as somebody who has nothing but their token."""

import json
import subprocess
from pathlib import Path

from rundrill.ledger import NAMESPACE
from rundrill.session import Session


def as_account(session: Session, name: str, path: Path) -> Path:
    """A kubeconfig whose one context, `as-NAME`, has a token of that account."""
    asked = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{name}/token"
    review = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": 3600},
    }
    token = session.kube.call("POST", asked, review)["status"]["token"]
    command = [str(session.kube.kubectl.program), "config", "view", "--raw", "--minify", "-o", "json"]
    command += ["--kubeconfig", str(session.kube.kubeconfig)]
    said = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    said["users"] = [{"name": name, "user": {"token": token}}]
    context = {"cluster": said["clusters"][0]["name"], "user": name}
    said |= {"contexts": [{"name": f"as-{name}", "context": context}], "current-context": f"as-{name}"}
    path.write_text(json.dumps(said))
    path.chmod(0o600)
    return path
