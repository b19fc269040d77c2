"""What pods write, and what is inside them."""

import re
from typing import Any

from rundrill.asking import StateAnswer, answered
from rundrill.evidence import Raw, Reading, StateSeen, Value
from rundrill.gateway.testinfra import open_pod
from rundrill.listing import container_of, present_pods
from rundrill.probe import InPodProbe, LogsProbe
from rundrill.session import Session

type Json = dict[str, Any]

_STAMP = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}|\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2}")
_COMMAND_LINES = "for f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < \"$f\" 2>/dev/null && echo; done; true"


def see_logs(probe: LogsProbe, session: Session, slug: str) -> StateAnswer:
    """Lines of each pod, the share of them with a time, and how many match; no `stamped` where there is no line."""
    namespace = session.namespace(slug, probe.namespace)
    readings, raws = [], []
    for pod in present_pods(session, namespace, probe.selector):
        name, container = pod["metadata"]["name"], container_of(pod, probe.container)
        text = _written(session, pod, container, probe)
        lines = text.splitlines()
        facts: dict[str, Value] = {"lines": len(lines)}
        if lines:
            facts["stamped"] = sum(bool(_STAMP.search(line)) for line in lines) / len(lines)
        if probe.matching:
            facts["matching"] = sum(bool(re.search(probe.matching, line)) for line in lines)
        readings.append(Reading(name, facts))
        raws.append(
            answered("logs", f"the newest {probe.lines} lines of {namespace}/{name} {container}", text)
        )
    return StateSeen(tuple(readings)), tuple(raws)


def _written(session: Session, pod: Json, container: str, probe: LogsProbe) -> str:
    """What the container wrote lately; before it, where asked for, what it wrote before its last restart."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    since = probe.since.total_seconds() if probe.since else None
    text = session.kube.logs(namespace, name, container, probe.lines, since)
    restarts = {
        one["name"]: one.get("restartCount", 0) for one in pod["status"].get("containerStatuses") or ()
    }
    if not probe.previous or not restarts.get(container):
        return text
    return session.kube.logs(namespace, name, container, probe.lines, since, previous=True) + text


def see_in_pod(probe: InPodProbe, session: Session, slug: str) -> StateAnswer:
    """A command's end, a file's presence or a count of processes, in every pod that the selector picks."""
    namespace = session.namespace(slug, probe.namespace)
    answers = [
        _look(probe, session, namespace, pod) for pod in present_pods(session, namespace, probe.selector)
    ]
    return StateSeen(tuple(reading for reading, _ in answers)), tuple(raw for _, raw in answers)


def _look(probe: InPodProbe, session: Session, namespace: str, pod: Json) -> tuple[Reading, Raw]:
    name, container = pod["metadata"]["name"], container_of(pod, probe.container)
    inside = open_pod(session.kube, namespace, name, container)
    facts: dict[str, Value] = {}
    if probe.command is not None:
        done = inside.run(probe.command)
        facts |= {"exit_status": done.exit_status, "stdout": done.stdout}
    if probe.file is not None:
        facts["exists"] = inside.run("test -e %s", probe.file).exit_status == 0
    if probe.process is not None:
        # Not by ps: a lean image has none.
        running = inside.check_output(_COMMAND_LINES).splitlines()
        facts["processes"] = sum(probe.process in line for line in running)
    asked = f"{probe.command or probe.file or probe.process} in {namespace}/{name} {container}"
    return Reading(name, facts), answered("in-pod", asked, facts)
