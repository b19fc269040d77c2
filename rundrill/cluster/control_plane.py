"""etcd, API server, controller manager and scheduler: four processes on node a."""

import base64
import secrets
import shutil
from pathlib import Path
from string import Template
from typing import Any

import yaml

from rundrill.cluster import addresses as at
from rundrill.cluster.binaries import VERSION, Binaries
from rundrill.cluster.node import Node
from rundrill.cluster.places import DEPLOY, Places
from rundrill.cluster.processes import members, run_inside, start_inside, stop

# daemon -> the program it runs
DAEMONS = {
    "etcd": "server",
    "kube-apiserver": "kube-apiserver",
    "kube-controller-manager": "kube-controller-manager",
    "kube-scheduler": "kube-scheduler",
}


def make_credentials(places: Places, binaries: Binaries, nodes: list[Node]) -> None:
    """Makes certificates and kubeconfigs where they are missing; kubeadm signs them, nothing else of it is used."""
    if places.kubeconfig.exists() and (places.pki / "complete").exists():
        return
    # Content cannot be read with other keys, nor trusted by other authorities: they come and go together.
    for lost in (places.pki, places.etcd):
        shutil.rmtree(lost, ignore_errors=True)
    for node in nodes:
        directory = places.pki / node.letter
        directory.mkdir(parents=True, mode=0o700)
        config = directory / "kubeadm.yaml"
        config.write_text(_render(
            "kubeadm.yaml", NODE=node.name, PKI=places.pki, VERSION=VERSION, API_ADDRESS=at.NODES["a"],
            API_ADDRESS_FROM_HOST=at.API_FROM_HOST, API_PORT=at.API_PORT,
            SERVICE_RANGE=at.SERVICES, POD_RANGES=at.POD_RANGES,
        ))  # fmt: skip
        kubeadm = [str(binaries["kubeadm"]), "init", "phase"]
        if node is nodes[0]:
            run_inside(node.first, [*kubeadm, "certs", "all", f"--config={config}"])
        run_inside(
            node.first, [*kubeadm, "kubeconfig", "all", f"--config={config}", f"--kubeconfig-dir={directory}"]
        )
    config = places.pki / "a" / "kubeadm.yaml"
    user = ["kubeconfig", "user", "--client-name=system:kube-proxy", f"--config={config}"]
    _write_private(nodes[0].proxy_kubeconfig, run_inside(nodes[0].first, [str(binaries["kubeadm"]), *user]))
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    _write_private(places.pki / "encryption.yaml", _render("encryption.yaml", KEY=key))
    admin: dict[str, Any] = yaml.safe_load((places.pki / "a" / "super-admin.conf").read_text())
    pair = admin["users"][0]["user"]
    pem = [base64.b64decode(pair[f"client-{part}-data"]).decode() for part in ("certificate", "key")]
    _write_private(places.pki / "admin.pem", "".join(pem))
    _write_private(places.kubeconfig, _for_the_machine(admin))
    (places.pki / "complete").touch()


def _for_the_machine(config: dict[str, Any]) -> str:
    """The administrator's kubeconfig as used from the machine: our context name, the address of our link."""
    cluster, user = config["clusters"][0], config["users"][0]
    cluster["cluster"]["server"] = f"https://{at.API_FROM_HOST}:{at.API_PORT}"
    cluster["name"] = user["name"] = "rundrill"
    config["contexts"] = [{"name": "rundrill", "context": {"cluster": "rundrill", "user": "rundrill"}}]
    config["current-context"] = "rundrill"
    return yaml.safe_dump(config)


def _render(template: str, **values: object) -> str:
    return Template((DEPLOY / "config" / template).read_text()).substitute(values)


def _write_private(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.touch(mode=0o600)
    part.write_text(text)
    part.replace(path)


def daemons(node: Node) -> dict[str, int | None]:
    """The process id on the machine of each daemon; None for one that does not run."""
    running = {name: pid for pid, name in members(node.first)}
    return {daemon: running.get(program) for daemon, program in DAEMONS.items()}


def start(node: Node, places: Places, binaries: Binaries) -> None:
    """Starts each daemon that does not run."""
    commands = {
        "etcd": _etcd(places),
        "kube-apiserver": _apiserver(places),
        "kube-controller-manager": _controller_manager(places),
        "kube-scheduler": _scheduler(places),
    }
    for daemon, pid in daemons(node).items():
        if pid is None:
            start_inside(
                node.first, [binaries[DAEMONS[daemon]], *commands[daemon]], places.logs / f"{daemon}.log"
            )


def forget(node: Node, places: Places) -> None:
    """Ends the control plane and removes the content of the cluster."""
    for pid in daemons(node).values():
        if pid is not None:
            stop(pid)
    shutil.rmtree(places.etcd)


def _etcd(places: Places) -> list[str]:
    places.etcd.mkdir(parents=True, exist_ok=True, mode=0o700)
    pki = places.pki / "etcd"
    return [
        "--name=rundrill",
        f"--data-dir={places.etcd}",
        "--listen-client-urls=https://127.0.0.1:2379",
        "--advertise-client-urls=https://127.0.0.1:2379",
        "--listen-peer-urls=https://127.0.0.1:2380",
        "--initial-advertise-peer-urls=https://127.0.0.1:2380",
        "--initial-cluster=rundrill=https://127.0.0.1:2380",
        "--listen-metrics-urls=http://127.0.0.1:2381",
        f"--cert-file={pki}/server.crt",
        f"--key-file={pki}/server.key",
        f"--trusted-ca-file={pki}/ca.crt",
        "--client-cert-auth=true",
        f"--peer-cert-file={pki}/peer.crt",
        f"--peer-key-file={pki}/peer.key",
        f"--peer-trusted-ca-file={pki}/ca.crt",
        "--peer-client-cert-auth=true",
    ]


def _apiserver(places: Places) -> list[str]:
    pki = places.pki
    return [
        f"--advertise-address={at.NODES['a']}",
        "--bind-address=0.0.0.0",
        f"--secure-port={at.API_PORT}",
        f"--service-cluster-ip-range={at.SERVICES}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--enable-bootstrap-token-auth=false",
        "--allow-privileged=true",
        "--anonymous-auth=true",
        "--etcd-servers=https://127.0.0.1:2379",
        f"--etcd-cafile={pki}/etcd/ca.crt",
        f"--etcd-certfile={pki}/apiserver-etcd-client.crt",
        f"--etcd-keyfile={pki}/apiserver-etcd-client.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet-client.key",
        "--kubelet-preferred-address-types=InternalIP",
        f"--proxy-client-cert-file={pki}/front-proxy-client.crt",
        f"--proxy-client-key-file={pki}/front-proxy-client.key",
        f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        "--enable-aggregator-routing=true",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki}/sa.pub",
        f"--service-account-signing-key-file={pki}/sa.key",
        f"--encryption-provider-config={pki}/encryption.yaml",
        f"--audit-policy-file={DEPLOY}/config/audit.yaml",
        f"--audit-log-path={places.audit_log}",
        "--audit-log-maxsize=50",
        "--audit-log-maxbackup=2",
        "--default-not-ready-toleration-seconds=60",
        "--default-unreachable-toleration-seconds=60",
    ]


def _controller_manager(places: Places) -> list[str]:
    pki = places.pki
    config = pki / "a" / "controller-manager.conf"
    return [
        *_as_client(config),
        "--controllers=*",
        "--use-service-account-credentials=true",
        f"--root-ca-file={pki}/ca.crt",
        f"--service-account-private-key-file={pki}/sa.key",
        f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
        "--node-monitor-grace-period=40s",
        "--horizontal-pod-autoscaler-sync-period=10s",
        "--bind-address=127.0.0.1",
    ]


def _scheduler(places: Places) -> list[str]:
    return [*_as_client(places.pki / "a" / "scheduler.conf"), "--bind-address=127.0.0.1"]


def _as_client(config: Path) -> list[str]:
    kinds = ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig")
    # One of each runs: electing a leader would only make a slow moment of the machine end the process.
    return [*(f"--{kind}={config}" for kind in kinds), "--leader-elect=false"]
