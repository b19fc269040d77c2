"""What each fault of an experiment is about to touch: from module and function to its preview."""

from collections.abc import Callable, Mapping
from typing import Any

from rundrill import guard
from rundrill.faults import (
    audit,
    bad_rollout,
    cache,
    change,
    clone,
    connections,
    container,
    debug,
    dependency,
    drain,
    errand,
    flood,
    hand,
    inside,
    job,
    kill,
    lock,
    node,
    privilege,
    release,
    restart,
    rotate,
    rows,
    scale,
    secret_version,
    selected,
    setting,
    visit,
)
from rundrill.session import Session

type Words = Mapping[str, Any]
type Foresee = Callable[[Session, str, Words], guard.Preview]


def _space(session: Session, runbook: str, words: Words) -> str:
    return session.namespace(runbook, str(words["namespace"]))


def _pods(fault: str, count: int | None) -> Foresee:
    """The preview of a fault that takes the pods of a selector; `count` is its own default."""
    return lambda s, r, w: selected.preview(fault, s, _space(s, r, w), w["selector"], w.get("count", count))


OF_PODS: Mapping[str, int | None] = {
    "process.freeze": None,
    "process.signal": 1,
    "replica.stop_replay": 1,
    "pressure.burn_cpu": None,
    "pressure.fill_memory": None,
    "pressure.run_out_of_memory": 1,
    "volume.fill": 1,
    "volume.stand_in": 1,
    "network.refuse": None,
    "network.reset": None,
    "network.drop": None,
    "network.narrow": None,
    "network.lose_dns": None,
    "latency.slow": None,
}
"""Faults that take the pods of a selector -> how many where the experiment does not say; None is all of them."""


def _of_the_crowd(runbook: str) -> guard.Preview:
    return guard.Preview("rush", None, f"users of {runbook}", ("users",), 1, at_once=False)


FORESEE: Mapping[str, Foresee] = {
    **{name: _pods(name.partition(".")[2].replace("_", " "), count) for name, count in OF_PODS.items()},
    "bad_rollout.crash_loop": lambda s, r, w: bad_rollout.preview(
        s, w.get("api", "apps/v1/Deployment"), _space(s, r, w), w["workload"]
    ),
    "bad_rollout.missing_image": lambda s, r, w: bad_rollout.preview(
        s, w.get("api", "apps/v1/Deployment"), _space(s, r, w), w["workload"]
    ),
    "scale.scale_to_zero": lambda s, r, w: scale.preview(s, _space(s, r, w), w["workload"]),
    "restart.restart": lambda s, r, w: restart.preview(s, _space(s, r, w), w["workload"]),
    "drain.drain_node_of": lambda s, r, w: drain.preview(s, drain.node_of(s, _space(s, r, w), w["workload"])),
    "privilege.hide_table": lambda s, r, w: privilege.preview(s, r, w["table"], w["role"]),
    "lock.hold_table": lambda s, r, w: lock.preview(s, r, w["table"]),
    "change.patch": lambda s, r, w: change.preview(s, w["api"], _space(s, r, w), w["name"], w["patch"]),
    "change.delete": lambda s, r, w: change.preview(s, w["api"], _space(s, r, w), w["name"]),
    "kill.kill_pods": lambda s, r, w: kill.preview(
        s, w.get("api", "apps/v1/Deployment"), _space(s, r, w), w["workload"], w.get("count", 1)
    ),
    "inside.run": lambda s, r, w: inside.preview(s, _space(s, r, w), w["selector"], w.get("count")),
    "hand.reach_in": lambda s, r, w: hand.preview(s, _space(s, r, w), w["selector"], w.get("count")),
    "connections.hold": lambda s, r, w: connections.preview(s, r, w["count"]),
    "cache.limit_memory": lambda s, r, w: cache.preview(s, r),
    "cache.flush": lambda s, r, w: cache.preview(s, r),
    "container.tell": lambda s, r, w: container.preview(s, _space(s, r, w), w["workload"]),
    "audit.ask_for_a_secret": lambda s, r, w: audit.preview(_space(s, r, w), w["account"]),
    "errand.run": lambda s, r, w: errand.preview(_space(s, r, w), w["name"]),
    "job.run": lambda s, r, w: job.preview(s, _space(s, r, w), w["cronjob"]),
    "rows.write": lambda s, r, w: rows.preview(r, w["says"]),
    "rows.more": lambda s, r, w: rows.preview(r, w["says"]),
    "visit.visit": lambda s, r, w: visit.preview(s, _space(s, r, w), w["selector"]),
    "debug.join": lambda s, r, w: debug.preview(s, _space(s, r, w), w["selector"], w.get("count")),
    "change.create": lambda s, r, w: guard.Preview(
        "create",
        _space(s, r, w["manifest"]["metadata"]),
        str(w["manifest"]["kind"]),
        (str(w["manifest"]["metadata"]["name"]),),
        1,
    ),
    "setting.limit_cpu": lambda s, r, w: setting.preview(s, _space(s, r, w), w["workload"]),
    "setting.set_env": lambda s, r, w: setting.preview(s, _space(s, r, w), w["workload"]),
    "release.apply": lambda s, r, w: release.preview(s, r, w["file"]),
    "release.must_refuse": lambda s, r, w: release.preview(s, r, w["file"]),
    "release.roll_out": lambda s, r, w: change.preview(
        s, release.DEPLOYMENT, _space(s, r, w), w["workload"], {}
    ),
    "release.set_image": lambda s, r, w: change.preview(
        s, release.DEPLOYMENT, _space(s, r, w), w["workload"], {}
    ),
    "release.is_rolled_out": lambda s, r, w: change.preview(
        s, release.DEPLOYMENT, _space(s, r, w), w["workload"], {}
    ),
    "recreation.recreate": lambda s, r, w: clone.preview(s, s.namespace(r, w["of"]), w["into"]),
    "recreation.bring_data": lambda s, r, w: clone.preview(s, s.namespace(r, w["of"]), w["into"]),
    "recreation.let_in": lambda s, r, w: clone.preview(s, s.namespace(r, w["of"]), w["into"]),
    "recreation.answers": lambda s, r, w: clone.preview(s, s.namespace(r, w["of"]), w["into"]),
    "rush.come": lambda s, r, w: _of_the_crowd(r),
    "rush.go": lambda s, r, w: _of_the_crowd(r),
    "sweep.have_one_evicted": lambda s, r, w: guard.Preview(
        "create", _space(s, r, w), f"Pod {w['name']}", (w["name"],), 1, at_once=False
    ),
    "sweep.evicted": lambda s, r, w: guard.Preview(
        "sweep", _space(s, r, w), "pods that are evicted by then", ("evicted",), 1, at_once=False
    ),
    "node.lose_node_of": lambda s, r, w: node.preview(s, drain.node_of(s, _space(s, r, w), w["workload"])),
    "dependency.answer": lambda s, r, w: dependency.preview(s, r, w["service"]),
    "flood.send": lambda s, r, w: flood.preview(s, r, w["service"]),
    "flood.produce": lambda s, r, w: flood.preview_queue(s, r, w["namespace"], w["topic"]),
    "rotate.rotate": lambda s, r, w: rotate.preview(s, _space(s, r, w), w["name"]),
    "rotate.again": lambda s, r, w: rotate.preview(s, _space(s, r, w), w["name"]),
    "rotate.expire": lambda s, r, w: rotate.preview(s, _space(s, r, w), w["name"]),
    "secret_version.add": lambda s, r, w: secret_version.preview(s, w["manager"]),
    "secret_version.rotate": lambda s, r, w: secret_version.preview(s, w["manager"]),
    "clone.rebuild": lambda s, r, w: clone.preview(s, s.namespace(r, w["of"]), w["into"]),
}
"""Module and function of a fault -> its preview, from the arguments of the experiment's own step."""
