"""What a game day would do: each experiment's targets by name, what it expects, how long it takes, what it may cost."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from rundrill import guard
from rundrill.errors import RundrillError
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
from rundrill.measure.load import find
from rundrill.policy import Gameday, Policy
from rundrill.promise import Promise
from rundrill.reading import read_yaml
from rundrill.session import Session
from rundrill.units import duration_text, ratio_text

type Words = Mapping[str, Any]
type Foresee = Callable[[Session, str, Words], guard.Preview]

STEADY = timedelta(seconds=20)
AFTER = timedelta(seconds=60)
"""What gate, undo and resolved notice take beside the promised times."""


@dataclass(frozen=True)
class Planned:
    """One experiment, as far as it can be told beforehand."""

    experiment: str
    title: str
    crowd: str | None
    touches: tuple[str, ...]
    """Lines of the previews; or why it would be refused."""
    refused: bool
    alerts: tuple[str, ...]
    lasts: timedelta
    seen: bool
    """Whether `lasts` is how long it took when it was run last; otherwise it is what its promises allow."""
    cost: tuple[str, ...]
    """For each objective, the share of its window's error budget that goes if nobody is served all the time."""

    @property
    def lines(self) -> Iterator[str]:
        """The plan of this experiment as a person reads it."""
        how = "took" if self.seen else "at most"
        yield f"{self.experiment} ({how} {duration_text(_whole(self.lasts))}): {self.title}"
        yield from (f"  {'REFUSED ' if self.refused else ''}{line}" for line in self.touches)
        yield f"  under {self.crowd or 'no crowd'}; alerts expected: {', '.join(self.alerts) or 'none'}"
        yield from (f"  at worst {line}" for line in self.cost)


def plan(session: Session, gameday: Gameday) -> list[Planned]:
    """Each experiment of a game day in its order; nothing is touched."""
    known = [name for name in gameday.experiments if name != "synthetic-alert"]
    return [_planned(session, name, gameday.runbook) for name in known]


def _planned(session: Session, name: str, runbook: str) -> Planned:
    content = read_yaml(find(session.policy, "experiments", f"{name}.yaml")).content
    assert isinstance(content, dict)
    configuration = content.get("configuration") or {}
    promises = [p for p in session.policy.promises if name in _proves(p)]
    seen = _last_time(Path("reports"), name)
    lasts = seen or _allowed(promises, session)
    touches, refused = _touches(session, content, configuration)
    return Planned(
        experiment=name,
        title=str(content.get("title", "")),
        crowd=configuration.get("crowd"),
        touches=tuple(touches),
        refused=refused,
        alerts=tuple(p.alert_name for p in promises if p.alert),
        lasts=lasts,
        seen=seen is not None,
        cost=tuple(_cost(session.policy, runbook, lasts)),
    )


def _touches(session: Session, content: Words, configuration: Words) -> tuple[list[str], bool]:
    """The previews of every fault in the method; what the guard says where it would refuse one."""
    lines: list[str] = []
    for step in content.get("method") or ():
        provider = step.get("provider") or {}
        foresee = FORESEE.get(f"{str(provider.get('module')).rpartition('.')[2]}.{provider.get('func')}")
        if foresee is None:
            continue
        runbook = str(configuration.get("runbook"))
        try:
            preview = foresee(session, runbook, {**(provider.get("arguments") or {})})
            if preview.namespace is not None or preview.fault in ("drain", "lose"):
                guard.allow(session, preview, configuration)
            else:
                guard.allow_database(session, runbook, preview)
        except RundrillError as error:
            return [str(error)], True
        lines += preview.lines
    return lines or ["nothing that this version knows how to foresee"], False


def _proves(promise: Promise) -> tuple[str, ...]:
    names = [promise.alert.proven_by] if promise.alert else []
    return tuple(names + ([promise.drill.experiment] if promise.drill else []))


def _allowed(promises: list[Promise], session: Session) -> timedelta:
    """What its promises allow: an alert's way there and back, and the recovery."""
    pace = session.profile.pace
    alerts = [
        2 * pace(p.alert.notified_within) + pace(session.profile.group_interval) for p in promises if p.alert
    ]
    drills = [p.drill.within + p.drill.holds_for for p in promises if p.drill]
    return STEADY + max(alerts, default=timedelta(0)) + max(drills, default=timedelta(0)) + AFTER


def _last_time(reports: Path, name: str) -> timedelta | None:
    """How long the experiment took when it last left a whole journal; None where it never did."""
    for journal in sorted(reports.glob(f"2*/evidence/{name}/journal.json"), reverse=True):
        try:
            said = json.loads(journal.read_text())
        except ValueError:
            continue
        if said.get("status") == "completed":
            return timedelta(seconds=float(said.get("duration", 0)))
    return None


def _cost(policy: Policy, runbook: str, lasts: timedelta) -> Iterator[str]:
    for promise in policy.runbook(runbook).promises:
        if promise.objective and promise.objective.target < 1:
            budget = promise.objective.window * (1 - promise.objective.target)
            share = round(lasts / budget, 3)
            yield f"{ratio_text(share)} of the error budget of {promise.id}"


def _whole(length: timedelta) -> timedelta:
    return timedelta(seconds=round(length.total_seconds()))


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
    "rotate.rotate": lambda s, r, w: rotate.preview(s, _space(s, r, w), w["name"]),
    "rotate.expire": lambda s, r, w: rotate.preview(s, _space(s, r, w), w["name"]),
    "secret_version.add": lambda s, r, w: secret_version.preview(s, w["manager"]),
    "secret_version.rotate": lambda s, r, w: secret_version.preview(s, w["manager"]),
    "clone.rebuild": lambda s, r, w: clone.preview(s, s.namespace(r, w["of"]), w["into"]),
}
"""Module and function of a fault -> its preview, from the arguments of the experiment's own step."""
