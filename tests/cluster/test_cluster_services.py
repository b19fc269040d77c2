"""What a drill cluster gives to what runs on it: names, storage, schedules, usage, and no way out."""

import json
import re
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rundrill.cluster import Provider, open_provider
from rundrill.cluster.cgroups import DAEMONS, OURS, WEIGHT, hierarchies
from rundrill.cluster.places import find_places
from rundrill.platform.image import base_image, deliver

pytestmark = [pytest.mark.cluster, pytest.mark.apart]

PATIENCE_S = 120

type Spec = dict[str, Any]


@dataclass(frozen=True)
class Kubectl:
    """kubectl in one namespace."""

    provider: Provider
    namespace: str

    def __call__(self, *words: str, given: object = None, check: bool = True) -> str:
        done = subprocess.run(
            [self.provider.kubectl(), f"--kubeconfig={self.provider.kubeconfig()}", "-n", self.namespace, *words],
            input=json.dumps(given), capture_output=True, text=True, timeout=PATIENCE_S + 30,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stderr
        return done.stdout + ("" if check else done.stderr)

    def apply(self, *things: object) -> None:
        self("apply", "-f", "-", given={"apiVersion": "v1", "kind": "List", "items": things})

    def python(self, pod: str, program: str) -> str:
        return self("exec", pod, "--", "python3", "-c", program).strip()

    def until(self, wanted: str, *words: str) -> str:
        """What kubectl says once it matches `wanted`."""
        deadline = time.monotonic() + PATIENCE_S
        while not re.search(wanted, said := self(*words, check=False)):
            assert time.monotonic() < deadline, f"{' '.join(words)}: {said}"
            time.sleep(0.5)
        return said


@pytest.fixture(scope="module")
def image() -> str:
    provider = open_provider("native")
    assert provider.status().running, provider.status()
    home = find_places().home
    built = base_image(home, print)
    deliver([], built, provider, home, print)
    return built.ref


@pytest.fixture(scope="module")
def kubectl(image: str) -> Iterator[Kubectl]:
    kubectl = Kubectl(open_provider("native"), f"cluster-test-{uuid.uuid4().hex[:8]}")
    kubectl("create", "namespace", kubectl.namespace)
    yield kubectl
    kubectl("delete", "namespace", kubectl.namespace, "--wait=false")


@pytest.fixture(scope="module")
def web(kubectl: Kubectl, image: str) -> Kubectl:
    """A web server on each node, `web-a` and `web-b`, behind one service `web`."""
    serve = ["python3", "-c", SERVER]
    pods = [pod(f"web-{letter}", image, serve, letter, memory="128Mi") for letter in "ab"]
    service = {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }  # fmt: skip
    kubectl.apply(*pods, service)
    kubectl("wait", "--for=condition=Ready", "pod", "-l", "app=web", f"--timeout={PATIENCE_S}s")
    return kubectl


SERVER = """
import http.server, os
class Name(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(os.environ["HOSTNAME"].encode())
http.server.ThreadingHTTPServer(("", 8080), Name).serve_forever()
"""


def pod(
    name: str, image: str, command: list[str], letter: str, memory: str = "64Mi", more: Spec | None = None
) -> Spec:
    container: Spec = {
        "name": "main", "image": image, "imagePullPolicy": "Never", "command": command,
        "resources": {"limits": {"memory": memory}},
    }  # fmt: skip
    if name.startswith("web"):
        container["readinessProbe"] = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    spec = dict(more or {})
    container |= spec.pop("container", {})
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name.partition("-")[0]}},
        "spec": {
            "nodeSelector": {"rundrill.dev/node": letter}, "terminationGracePeriodSeconds": 1,
            "restartPolicy": "Never", "containers": [container], **spec,
        },
    }  # fmt: skip


@pytest.mark.parametrize("letter", ["a", "b"])
def test_a_service_reaches_pods_on_both_nodes_by_its_name(web: Kubectl, letter: str) -> None:
    answered = web.python(
        f"web-{letter}",
        "import urllib.request as u\n"
        "print(*{u.urlopen('http://web', timeout=5).read().decode() for _ in range(40)})",
    )
    assert set(answered.split()) == {"web-a", "web-b"}


@pytest.mark.parametrize("letter", ["a", "b"])
def test_a_name_outside_the_cluster_does_not_exist(web: Kubectl, letter: str) -> None:
    said = web.python(
        f"web-{letter}",
        "import socket\ntry: print(socket.gethostbyname('example.com'))\nexcept OSError as e: print(e)",
    )
    assert "not known" in said


@pytest.mark.parametrize("letter", ["a", "b"])
@pytest.mark.parametrize("address", ["192.0.2.1", "1.1.1.1", "198.18.255.1", "198.19.255.254"])
def test_no_packet_of_a_pod_reaches_the_machine_or_beyond(web: Kubectl, letter: str, address: str) -> None:
    said = web.python(
        f"web-{letter}",
        "import socket\n"
        f"try: print('reached', socket.create_connection(('{address}', 53), timeout=2))\n"
        "except OSError as e: print(e)",
    )
    assert re.search("unreachable|timed out|No route", said), said


def test_a_pod_cannot_use_more_memory_than_its_limit(web: Kubectl, image: str) -> None:
    web.apply(pod("eater", image, ["python3", "-c", "x = bytearray(200 << 20)"], "b"))
    assert "OOMKilled" in web.until(
        "OOMKilled",
        "get",
        "pod",
        "eater",
        "-o",
        "jsonpath={.status.containerStatuses[0].state.terminated.reason}",
    )


def test_a_volume_keeps_its_content_over_a_pod_and_goes_with_its_claim(web: Kubectl, image: str) -> None:
    claim = {
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "kept"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "64Mi"}}},
    }  # fmt: skip
    mounted: Spec = {
        "container": {"volumeMounts": [{"name": "kept", "mountPath": "/kept"}]},
        "volumes": [{"name": "kept", "persistentVolumeClaim": {"claimName": "kept"}}],
        "securityContext": {"runAsUser": 1234, "runAsNonRoot": True},
    }
    web.apply(claim, pod("writer", image, ["sh", "-c", "echo marker > /kept/row"], "b", more=mounted))
    web.until("Succeeded", "get", "pod", "writer", "-o", "jsonpath={.status.phase}")
    web.apply(pod("reader", image, ["cat", "/kept/row"], "b", more=mounted))
    web.until("Succeeded", "get", "pod", "reader", "-o", "jsonpath={.status.phase}")
    assert web("logs", "reader").strip() == "marker"
    volume = web("get", "pvc", "kept", "-o", "jsonpath={.spec.volumeName}")
    directory = find_places().node("b") / "volumes" / volume
    assert (directory / "row").read_text() == "marker\n"
    web("delete", "pod", "writer", "reader")
    web("delete", "pvc", "kept")
    web.until("NotFound", "get", "pv", volume)
    assert not directory.exists()


def test_a_cron_job_runs_on_its_schedule(web: Kubectl, image: str) -> None:
    container = {"name": "main", "image": image, "imagePullPolicy": "Never", "command": ["echo", "on time"]}
    job = {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}}
    web.apply({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "often"},
        "spec": {"schedule": "* * * * *", "jobTemplate": job},
    })  # fmt: skip
    name = web.until(
        "often-", "get", "jobs", "-o", "jsonpath={.items[?(@.status.succeeded==1)].metadata.name}"
    )
    assert web("logs", f"job/{name.split()[0]}").strip() == "on time"


def test_usage_is_known_of_nodes_and_pods(web: Kubectl) -> None:
    assert len(web("top", "nodes", "--no-headers").splitlines()) == 2
    assert "web-a" in web.until("web-a.*\n?.*web-b", "top", "pods", "--no-headers")


def test_a_secret_is_not_readable_in_etcd(web: Kubectl) -> None:
    marker = uuid.uuid4().hex
    web("create", "configmap", "plain", f"--from-literal=plain-{marker}=x")
    web("create", "secret", "generic", "hidden", f"--from-literal=hidden-{marker}=x")
    stored = b"".join(file.read_bytes() for file in (find_places().etcd / "member").rglob("*.wal"))
    assert f"plain-{marker}".encode() in stored
    assert f"hidden-{marker}".encode() not in stored


def test_who_changed_what_is_in_the_audit_log(web: Kubectl) -> None:
    name = f"audited-{uuid.uuid4().hex[:8]}"
    web("create", "configmap", name)
    deadline = time.monotonic() + PATIENCE_S
    while not (lines := [line for line in find_places().audit_log.read_text().splitlines() if name in line]):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    event = json.loads(lines[0])
    assert (event["verb"], event["user"]["username"]) == ("create", "kubernetes-super-admin")


def test_an_image_that_is_there_is_not_loaded_again(image: str) -> None:
    said: list[str] = []
    provider = open_provider("native")
    home = find_places().home
    with base_image(home, print).archived(home / "images" / "out") as archive:
        provider.load_images([archive], said.append)
    assert (said, provider.missing_images([image])) == ([], set())


def test_all_pods_together_weigh_more_than_one_process_of_the_machine() -> None:
    shares = [group / OURS / name for group in hierarchies() for name in WEIGHT]
    found = {path.name: path.read_text().strip() for path in shares if path.exists()}
    assert found
    assert found == {name: WEIGHT[name] for name in found}


def test_the_daemons_of_the_nodes_come_before_pods() -> None:
    groups = [
        Path("/proc", pid, "cgroup").read_text() for pid in _of("kube-apiserver", "kubelet", "containerd")
    ]
    assert len(groups) >= 5
    assert [group for group in groups if f"/{OURS}/{DAEMONS}" not in group] == []


def _of(*programs: str) -> list[str]:
    """The ids of all processes on the machine that run one of these."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and (entry / "comm").read_text().strip() in programs:
                found.append(entry.name)
    return found
