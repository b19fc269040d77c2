"""The rows of the kill table: each fault, how it is begun on the tests' own ground, and what must be as before."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kill_ground import NAME, PORT, SLUG, Ground

from rundrill.faults import connections
from rundrill.faults.rollout import rollout

POINTS = (
    "before-ledger",
    "after-ledger",
    "after-inject",
    "in-the-middle",
    "before-undo",
    "after-undo",
    "before-close",
)
HERE = {"runbook": SLUG, "whole_service": True}
DEPLOYMENT = {"api": "apps/v1/Deployment", "namespace": "{space}", "name": NAME}
RULE = f"INPUT -p tcp --dport {PORT} -j REJECT --reject-with tcp-reset -m comment --comment rundrill"

type Json = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One fault: a function of a module of rundrill.faults, its arguments, and a look at what it touches."""

    module: str
    func: str
    looks: Callable[[Ground], object]
    """The same before the fault and after its undo, and something else meanwhile."""
    words: Mapping[str, Any] = field(default_factory=dict)
    """`{space}` stands for the ground's namespace."""

    def arguments(self, space: str) -> Json:
        """The words for that namespace."""
        said: Json = json.loads(json.dumps(dict(self.words)).replace("{space}", space))
        return said | {"configuration": HERE}


def is_whole(here: Ground) -> object:
    """Replicas and image as the Deployment wants them, and whether it has them."""
    there = here.session.kube.one("apps/v1/Deployment", here.space, NAME)["spec"]
    now = rollout(here.session, here.space, NAME)
    return there["replicas"], there["template"]["spec"]["containers"][0]["image"], now.complete, len(now.uids)


def _answers(here: Ground) -> object:
    ask = f"curl -s -o /dev/null -w '%{{http_code}}' --max-time 3 http://127.0.0.1:{PORT}/ || true"
    return here.in_pods("sh", "-c", ask)


def _files(here: Ground) -> object:
    return here.in_pods("sh", "-c", "ls /tmp")


def _data(here: Ground) -> object:
    return here.session.kube.one("v1/ConfigMap", here.space, "settings")["data"]


def _sql(query: str) -> Callable[[Ground], object]:
    return lambda here: here.session.postgres(SLUG).rows(query)


def _memory(here: Ground) -> object:
    return [here.session.redis(SLUG).ask("CONFIG", "GET", name) for name in ("maxmemory", "maxmemory-policy")]


def _nodes(here: Ground) -> object:
    """Which nodes take no pods, and the small service."""
    nodes = here.session.kube.items("v1/Node")
    return [bool(node["spec"].get("unschedulable")) for node in nodes], is_whole(here)


def _errands(here: Ground) -> object:
    return [
        p["metadata"]["name"] for p in here.session.kube.items("v1/Pod", here.space, "rundrill.dev/errand")
    ]


LOCKED = (
    "SELECT count(*) AS n FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'orders'::regclass"
)
HELD = f"SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = '{connections.NAME}'"
MAY = "SELECT has_table_privilege('app', 'orders', 'SELECT') AS may"
COUNT = "SELECT count(*) AS n FROM orders"
NO_IMAGE = {
    "spec": {"template": {"spec": {"containers": [{"name": NAME, "image": "rundrill.dev/nowhere:none"}]}}}
}

ROWS: Mapping[str, Row] = {
    "scale": Row(
        "scale", "scale_to_zero", is_whole, {"namespace": "{space}", "workload": NAME, "seen_on": "/"}
    ),
    "restart": Row("restart", "restart", is_whole, {"namespace": "{space}", "workload": NAME}),
    "drain": Row("drain", "drain_node_of", _nodes, {"namespace": "{space}", "workload": NAME}),
    "kill": Row("kill", "kill_pods", is_whole, {"namespace": "{space}", "workload": NAME, "count": 2}),
    "change": Row(
        "change",
        "patch",
        _data,
        {
            "api": "v1/ConfigMap",
            "namespace": "{space}",
            "name": "settings",
            "patch": {"data": {"LEVEL": "DEBUG", "NEW": "1"}},
        },
    ),
    "change-workload": Row("change", "patch", is_whole, {**DEPLOYMENT, "patch": {"spec": {"replicas": 0}}}),
    "inside": Row(
        "inside",
        "run",
        _files,
        {
            "namespace": "{space}",
            "selector": f"app={NAME}",
            "begin": "touch /tmp/half",
            "end": "rm -f /tmp/half",
        },
    ),
    "hand": Row(
        "hand",
        "reach_in",
        _answers,
        {
            "namespace": "{space}",
            "selector": f"app={NAME}",
            "begin": f"within iptables -A {RULE}",
            "end": f"while within iptables -D {RULE} 2>/dev/null; do :; done",
        },
    ),
    "privilege": Row(
        "privilege", "hide_table", _sql(MAY), {"table": "orders", "role": "app", "seen_on": "/"}
    ),
    "lock": Row(
        "lock", "hold_table", _sql(LOCKED), {"table": "orders", "namespace": "{space}", "workload": NAME}
    ),
    "connections": Row("connections", "hold", _sql(HELD), {"count": 20}),
    "cache": Row("cache", "limit_memory", _memory, {"maxmemory": "3mb"}),
    "rows": Row(
        "rows",
        "write",
        _sql(COUNT),
        {
            "says": "orders that nobody made",
            "begin": "INSERT INTO orders SELECT generate_series(1, 10)",
            "end": "DELETE FROM orders",
            "left": COUNT,
        },
    ),
    "errand": Row(
        "errand",
        "run",
        _errands,
        {
            "namespace": "{space}",
            "name": "errand",
            "image_of": f"Deployment/{NAME}",
            "script": "sleep 600",
            "ends": False,
        },
    ),
}


def table(lines: Path) -> str:
    """The seconds until all was as before, faults down and kill points across; of several tries of a cell the last."""
    said: dict[tuple[str, str], str] = {}
    for line in lines.read_text().splitlines():
        one = json.loads(line)
        said[one["fault"], one["point"]] = f"{one['seconds']:.0f} s" if one["undone"] else "NOT UNDONE"
    points = [*POINTS, *dict.fromkeys(point for _, point in said if point not in POINTS)]
    rows = [f"| {' | '.join(['fault', *points])} |", f"| --- |{' ---: |' * len(points)}"]
    for fault in dict.fromkeys(fault for fault, _ in said):
        rows.append(f"| {' | '.join([fault, *(said.get((fault, point), '') for point in points)])} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table(Path(sys.argv[1])))
