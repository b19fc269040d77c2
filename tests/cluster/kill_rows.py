"""The rows of the kill table: each fault, how it is begun on the tests' own ground, and what must be as before."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kill_looks as looks
from kill_ground import NAME, PORT, SLUG, Ground

type Json = dict[str, Any]

POINTS = (
    "before-ledger",
    "after-ledger",
    "after-inject",
    "in-the-middle",
    "before-undo",
    "after-undo",
    "before-close",
)
HERE: Json = {"runbook": SLUG, "whole_service": True}
DEPLOYMENT = {"api": "apps/v1/Deployment", "namespace": "{space}", "name": NAME}
RULE = f"INPUT -p tcp --dport {PORT} -j REJECT --reject-with tcp-reset -m comment --comment rundrill"


@dataclass(frozen=True)
class Row:
    """One fault: a function of a module of rundrill.faults, its arguments, and a look at what it touches."""

    module: str
    func: str
    looks: Callable[[Ground], object]
    """The same before the fault and after its undo, and something else meanwhile."""
    words: Mapping[str, Any] = field(default_factory=dict)
    """`{space}` stands for the ground's namespace."""
    prepare: Callable[[Ground], None] = lambda here: None
    """Makes what it needs beside the ground."""
    lives_in: tuple[str, ...] = (NAME,)
    """The pods that its target is in, by their label."""
    whole: bool = False
    """Whether it disturbs more than its own ground."""
    lasts: bool = True
    """Whether it is still to be seen once its runner is dead; a held connection ends with whoever held it."""

    def arguments(self, space: str) -> Json:
        """The words for that namespace."""
        said: Json = json.loads(json.dumps(dict(self.words)).replace("{space}", space))
        return {"configuration": HERE | {"alone": self.whole}} | said


SMALL = {"namespace": "{space}", "workload": NAME}
PODS = {"namespace": "{space}", "selector": f"app={NAME}"}
LIST = json.dumps(
    {"items": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "it", "namespace": "{space}"}}]}
)

ROWS: Mapping[str, Row] = {
    "scale": Row(
        "scale", "scale_to_zero", looks.is_whole, {"namespace": "{space}", "workload": NAME, "seen_on": "/"}
    ),
    "restart": Row("restart", "restart", looks.is_whole, SMALL, lasts=False),
    "drain": Row("drain", "drain_node_of", looks.nodes, SMALL, Ground.with_a_pod_to_drain, whole=True),
    "node": Row("node", "lose_node_of", looks.nodes, SMALL, Ground.with_a_pod_to_drain, whole=True),
    "kill": Row(
        "kill",
        "kill_pods",
        looks.is_whole,
        {"namespace": "{space}", "workload": NAME, "count": 2},
        lasts=False,
    ),
    "change": Row(
        "change",
        "patch",
        looks.settings,
        {
            "api": "v1/ConfigMap",
            "namespace": "{space}",
            "name": "settings",
            "patch": {"data": {"LEVEL": "DEBUG", "NEW": "1"}},
        },
    ),
    "change-workload": Row(
        "change", "patch", looks.is_whole, {**DEPLOYMENT, "patch": {"spec": {"replicas": 0}}}
    ),
    "inside": Row(
        "inside",
        "run",
        looks.files,
        {
            **PODS,
            "begin": "touch /tmp/half",
            "end": "rm -f /tmp/half",
        },
    ),
    "hand": Row(
        "hand",
        "reach_in",
        looks.answers,
        {
            **PODS,
            "begin": f"within iptables -A {RULE}",
            "end": f"while within iptables -D {RULE} 2>/dev/null; do :; done",
        },
    ),
    "privilege": Row(
        "privilege",
        "hide_table",
        looks.sql(looks.MAY),
        {"table": "orders", "role": "app", "seen_on": "/"},
        lives_in=("postgres",),
    ),
    "lock": Row(
        "lock",
        "hold_table",
        looks.sql(looks.LOCKED),
        {"table": "orders", **SMALL},
        lives_in=("postgres",),
        lasts=False,
    ),
    "connections": Row(
        "connections", "hold", looks.sql(looks.HELD), {"count": 20}, lives_in=("postgres",), lasts=False
    ),
    "cache": Row("cache", "limit_memory", looks.memory, {"maxmemory": "3mb"}, lives_in=("redis",)),
    "rows": Row(
        "rows",
        "write",
        looks.sql(looks.COUNT),
        {
            "says": "orders that nobody made",
            "begin": "INSERT INTO orders SELECT generate_series(1, 10)",
            "end": "DELETE FROM orders",
            "left": looks.COUNT,
        },
        lives_in=("postgres",),
    ),
    "errand": Row(
        "errand",
        "run",
        looks.errands,
        {
            "namespace": "{space}",
            "name": "errand",
            "image_of": f"Deployment/{NAME}",
            "script": "sleep 600",
            "ends": False,
        },
    ),
    "debug": Row("debug", "join", looks.joined, PODS),
    "visit": Row("visit", "visit", looks.files, {**PODS, "port": PORT, "path": "/"}),
    "clone": Row(
        "clone",
        "rebuild",
        looks.clones,
        {
            "of": "{space}",
            "into": "{space}-clone",
            "export": {**PODS, "directory": "", "pattern": "", "script": f"echo; echo '{LIST}'"},
            "kinds": ["ConfigMap"],
        },
    ),
    "sweep": Row(
        "sweep", "evicted", looks.survivors, {"namespace": "{space}"}, Ground.with_evicted_pods, lasts=False
    ),
    "audit": Row(
        "audit", "ask_for_a_secret", looks.reader, {"namespace": "{space}", "account": "default"}, whole=True
    ),
    "dependency": Row(
        "dependency",
        "answer",
        looks.told,
        {
            "service": "{space}/standin:8080",
            "path": "/behaviour",
            "look": "/behaviour",
            "body": {"failing": 1},
            "undo_body": {"failing": 0},
        },
        lives_in=("standin",),
    ),
    "rotate": Row(
        "rotate",
        "rotate",
        looks.values,
        {
            "namespace": "{space}",
            "name": "access",
            "values": {"password": "random", "new": "text:second"},
            "restarts": [NAME],
        },
    ),
    "secret_version": Row(
        "secret_version",
        "add",
        looks.address,
        {
            "manager": {
                "service": "{space}/secret-manager:8000",
                "project": "kill-table",
                "secret": "address",
                "operator": "{space}/operator/token",
                "namespace": "{space}",
                "external": "address",
                "key": "URL",
            },
            "parameter": "application_name",
        },
        Ground.with_secret_manager,
        ("secret-manager", "external-secrets"),
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
