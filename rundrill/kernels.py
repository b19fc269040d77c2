"""What the nodes of a target can do to a pod: asked of each by a pod of ours that tries it in a network of its own and ends."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import uuid4

from rundrill.errors import NoEvidence
from rundrill.gateway.kubernetes import Json, Kube
from rundrill.ledger import NAMESPACE
from rundrill.standby import engine_image
from rundrill.waiting import until

LOOKED_WITHIN = timedelta(minutes=3)
LABEL = "rundrill.dev/looks"
# Each line is a word and what is tried for it; only what succeeds is said.
TRIES: Mapping[str, str] = {
    "netem": "tc qdisc add dev lo root netem delay 1ms",
    "tbf": "tc qdisc replace dev lo root tbf rate 1mbit burst 32kb latency 300ms",
    "reject": "iptables -A OUTPUT -p tcp --dport 9 -m comment --comment x -j REJECT --reject-with tcp-reset",
    "redirect": "iptables -t nat -A OUTPUT -p tcp --dport 9 -m mark ! --mark 1 -j REDIRECT --to-ports 10",
}
_HOST = """
for p in /proc/[0-9]*; do case "$(readlink $p/exe 2>/dev/null)" in */kubelet*) echo kubelet; break;; esac; done
! grep -qs "kubepods\\|containerd\\|docker" /proc/*/cgroup || echo cgroups
[ ! -e /proc/1/root/sys/fs/cgroup/cgroup.controllers ] || echo cgroup-v2
"""


def looked(kube: Kube) -> dict[str, frozenset[str]]:
    """Node -> what works on it; NoEvidence where one could not be looked at."""
    nodes = [str(node["metadata"]["name"]) for node in kube.items("v1/Node")]
    token = uuid4().hex[:6]
    names = {f"looks-{token}-{number}": node for number, node in enumerate(nodes)}
    image = engine_image(kube)
    try:
        for name, node in names.items():
            kube.create("v1/Pod", NAMESPACE, _pod(name, node, image))
        over = ("Succeeded", "Failed")
        until(lambda: all(_phase(kube, name) in over for name in names), LOOKED_WITHIN)
        if blind := [names[name] for name in names if _phase(kube, name) != "Succeeded"]:
            raise NoEvidence(f"nodes that could not be looked at within {LOOKED_WITHIN}: {', '.join(blind)}")
        return {node: frozenset(kube.logs(NAMESPACE, name).split()) for name, node in names.items()}
    finally:
        for name in names:
            kube.delete("v1/Pod", NAMESPACE, name, grace=0)


def _phase(kube: Kube, name: str) -> str:
    return str(kube.one("v1/Pod", NAMESPACE, name)["status"].get("phase"))


def _pod(name: str, node: str, image: str) -> Json:
    tried = "\n".join(
        f"unshare -n sh -c '{try_}' >/dev/null 2>&1 && echo {word}" for word, try_ in TRIES.items()
    )
    container = {
        "name": "look",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["bash", "-c", f"{tried}\n{_HOST}\ntrue"],
        "securityContext": {"privileged": True},
    }
    spec = {
        "nodeName": node,
        "hostPID": True,
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
    }
    return {"metadata": {"name": name, "labels": {LABEL: "kernel"}}, "spec": spec}
