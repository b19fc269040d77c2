"""Names and ports as pods see them: resolved and tried from inside."""

from typing import Any

from rundrill.asking import StateAnswer, answered
from rundrill.errors import NoEvidence
from rundrill.evidence import Reading, StateSeen, Value
from rundrill.gateway.endpoints import ready_endpoints
from rundrill.gateway.kubernetes import NotFound
from rundrill.listing import container_of, listed, present_pods
from rundrill.netpolicy import End, allows
from rundrill.probe import DnsProbe, Inside, NetworkProbe
from rundrill.session import Session

type Json = dict[str, Any]

TIMEOUT_S = 12.0
# Both scripts tell the code of what they tried, and the nanoseconds it took.
_RESOLVE = (
    'command -v getent >/dev/null || exit 127; s=$(date +%s%N); out=$(getent ahosts "$1"); code=$?;'
    ' echo "$code $(( $(date +%s%N) - s ))"; printf "%s\\n" "$out"'
)
_REACH = (
    "command -v bash >/dev/null && command -v timeout >/dev/null || exit 127; s=$(date +%s%N);"
    ' timeout 3 bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null; code=$?; echo "$code $(( $(date +%s%N) - s ))"'
)
_NOT_FOUND = 2


def see_dns(probe: DnsProbe, session: Session, slug: str) -> StateAnswer:
    """A reading of each pod: to which addresses its own resolver turns the name."""
    namespace = session.namespace(slug, probe.from_.namespace)
    readings = []
    for pod in present_pods(session, namespace, probe.from_.selector):
        code, took, lines = _told(session, pod, probe.from_, _RESOLVE, probe.name)
        if code not in (0, _NOT_FOUND):
            raise NoEvidence(f"getent in {pod['metadata']['name']} ended with {code}")
        addresses = sorted({line.split()[0] for line in lines if line.split()})
        readings.append(
            Reading(
                f"{probe.name} in {pod['metadata']['name']}",
                {
                    "found": bool(addresses),
                    "addresses": ", ".join(addresses),
                    "count": len(addresses),
                    "took": took,
                },
            )
        )
    raw = answered(
        "in-pod", f"getent ahosts {probe.name}", {one.subject: dict(one.facts) for one in readings}
    )
    return StateSeen(tuple(readings)), (raw,)


def see_network(probe: NetworkProbe, session: Session, slug: str) -> StateAnswer:
    """A reading of each pod: what the policies say of the way to the service, and whether a connection came about."""
    namespace = session.namespace(slug, probe.from_.namespace)
    said, _, rest = probe.to.removeprefix("https:").partition("/")
    service = f"{session.namespace(slug, said)}/{rest}"
    address, port, backends = _behind(session, service)
    readings = []
    for pod in present_pods(session, namespace, probe.from_.selector):
        # An open port needs somebody who listens: without one, silence would look like a closed way.
        code, took, _lines = _told(session, pod, probe.from_, _REACH, address, str(port))
        facts: dict[str, Value] = {
            "policy_allows": all(_allowed(session, pod, one, at) for one, at in backends),
            "reached": code == 0,
            "took": took,
        }
        readings.append(Reading(f"{pod['metadata']['name']} -> {service}", facts))
    raw = answered("in-pod", f"a connection to {service}", {one.subject: dict(one.facts) for one in readings})
    return StateSeen(tuple(readings)), (raw,)


def _behind(session: Session, service: str) -> tuple[str, int, list[tuple[Json, int]]]:
    """The address to try, its port, and the ready pods behind it with the ports they listen on; NoEvidence where none is."""
    namespace, _, named = service.partition("/")
    name, _, port = named.partition(":")
    try:
        spec = session.kube.one("v1/Service", namespace, name)["spec"]
    except NotFound:
        raise NoEvidence(f"there is no service {namespace}/{name}") from None
    pods = {one["metadata"]["name"]: one for one in listed(session, "v1/Pod", namespace)}
    ready = [(pods[one.pod], one.port) for one in ready_endpoints(session.kube, service) if one.pod in pods]
    if not ready:
        raise NoEvidence(f"no pod behind {service} is ready, so nobody could be reached")
    if spec.get("clusterIP") in (None, "", "None"):
        return str(ready[0][0]["status"]["podIP"]), ready[0][1], ready
    return str(spec["clusterIP"]), int(port), ready


def _allowed(session: Session, source: Json, target: Json, port: int) -> bool:
    spaces = {one["metadata"]["name"]: one for one in listed(session, "v1/Namespace", None)}
    ends = [
        End(pod, spaces[pod["metadata"]["namespace"]]["metadata"].get("labels") or {})
        for pod in (source, target)
    ]
    policies = [
        policy
        for namespace in {end.namespace for end in ends}
        for policy in listed(session, "networking.k8s.io/v1/NetworkPolicy", namespace)
    ]
    return allows(policies, ends[0], ends[1], port)


def _told(
    session: Session, pod: Json, inside: Inside, script: str, *words: str
) -> tuple[int, float, list[str]]:
    """Code and seconds of what a script tried inside a pod, and its further lines."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    container = container_of(pod, inside.container)
    argv = ["sh", "-c", script, "sh", *words]
    done = session.kube.exec(namespace, name, container, argv, timeout=TIMEOUT_S)
    first, *lines = done.text.splitlines() or [""]
    code, _, nanoseconds = first.partition(" ")
    if done.code or not code.isdigit():
        raise NoEvidence(f"{name} has no program to try it with ({done.code} {done.stderr.decode()[:100]})")
    return int(code), round(int(nanoseconds) / 1e9, 4), lines
