"""Servers of the tests' own: small, with a memory limit, a small volume and a wide one."""

from workbench import SOON

from rundrill.faults.rollout import rollout
from rundrill.gateway.kubernetes import Json
from rundrill.session import Session
from rundrill.waiting import until

SERVER = "app=server"
_SERVE = """
import http.server, socketserver
held = bytearray(24 << 20)
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("", 8000), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def serve(session: Session, space: str) -> None:
    """Two of them with their Service, once both are ready."""
    image = session.kube.items("apps/v1/Deployment", "monitoring")[0]["spec"]["template"]["spec"]
    container: Json = {
        "name": "server",
        "image": image["containers"][0]["image"],
        "command": ["python3", "-c", _SERVE],
        "workingDir": "/srv",
        "ports": [{"containerPort": 8000}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8000}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "5m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
        "volumeMounts": [{"name": "small", "mountPath": "/small"}, {"name": "wide", "mountPath": "/wide"}],
    }
    volumes: list[Json] = [
        {"name": "small", "emptyDir": {"medium": "Memory", "sizeLimit": "8Mi"}},
        {"name": "wide", "emptyDir": {}},
    ]
    spec = {"terminationGracePeriodSeconds": 0, "containers": [container], "volumes": volumes}
    template = {"metadata": {"labels": {"app": "server"}}, "spec": spec}
    body = {"replicas": 2, "selector": {"matchLabels": {"app": "server"}}, "template": template}
    session.kube.create("apps/v1/Deployment", space, {"metadata": {"name": "server"}, "spec": body})
    service = {"selector": {"app": "server"}, "ports": [{"port": 8000}]}
    session.kube.create("v1/Service", space, {"metadata": {"name": "server"}, "spec": service})
    assert until(lambda: rollout(session, space, "server").complete, SOON)
