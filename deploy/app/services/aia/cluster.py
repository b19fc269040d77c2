"""The API server, asked with this pod's own account."""

from __future__ import annotations

import http.client
import json
import os
import ssl
from pathlib import Path
from typing import Any

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TIMEOUT_SECONDS = 10.0

Json = dict[str, Any]


class Refused(Exception):
    """The API server said no; the message has its status and reason."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


def ask(method: str, path: str, body: Json | None = None, kind: str = "application/json") -> Json:
    """The API server's answer; Refused from status 400 on, OSError or HTTPException where there is none."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
    context = ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt"))
    connection = http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_SECONDS, context=context)
    try:
        headers = {
            "Authorization": f"Bearer {own_token()}",
            "Content-Type": kind,
            "Accept": "application/json",
        }
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    if answer.status >= 400:
        # A path that the API server does not know is refused in plain text.
        raise Refused(answer.status, text.decode(errors="replace")[:300])
    found: Json = json.loads(text)
    return found


def own_token() -> str:
    """The token of this pod's account; the kubelet renews it, so it is read each time."""
    return (_ACCOUNT / "token").read_text()


def own_namespace() -> str:
    """The namespace of this pod."""
    return (_ACCOUNT / "namespace").read_text()
