"""What a game day would do: each experiment's targets by name, what it expects, how long it takes, what it may cost."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from rundrill import guard
from rundrill.errors import RundrillError
from rundrill.foreseen import FORESEE, Words
from rundrill.measure.load import find
from rundrill.policy import Gameday, Policy
from rundrill.promise import SYNTHETIC, Promise
from rundrill.reading import read_yaml
from rundrill.saved import last_time
from rundrill.schedule import Chain, Piece, Schedule, schedule
from rundrill.session import Session
from rundrill.territory import piece_of
from rundrill.units import duration_text, ratio_text

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
    cost: Mapping[str, float]
    """For each objective, the share of its window's error budget that goes if nobody is served all the time."""
    piece: Piece

    @property
    def lines(self) -> Iterator[str]:
        """The plan of this experiment as a person reads it."""
        how = "took" if self.seen else "at most"
        yield f"{self.experiment} ({how} {duration_text(_whole(self.lasts))}): {self.title}"
        yield from (f"  {'REFUSED ' if self.refused else ''}{line}" for line in self.touches)
        yield f"  under {self.crowd or 'no crowd'}; alerts expected: {', '.join(self.alerts) or 'none'}"
        yield from (f"  at worst {line}" for line in _costs(self.cost))


def plan(session: Session, gameday: Gameday) -> list[Planned]:
    """Each experiment of a game day in its order; nothing is touched."""
    known = [name for name in gameday.experiments if name != SYNTHETIC]
    return [_planned(session, name) for name in known]


def whole(planned: Sequence[Planned], at_once: int) -> Iterator[str]:
    """The plan of the game day as a person reads it: its chains, how long it takes, and what it may cost."""
    chains = schedule(one.piece for one in planned)
    for number, chain in enumerate(chains.chains, 1):
        itself = ", to itself" if chain.to_itself and _shared(chain, chains) else ""
        yield _chain(f"chain {number}, {chain.platform}{itself}", chain.pieces)
    if chains.alone:
        yield _chain("then alone", chains.alone)
    yield (
        f"{len(planned)} experiments in {len(chains.chains)} chains, {at_once} at once: about"
        f" {duration_text(_whole(chains.wall(at_once)))};"
        f" the longest way through one platform and what must be alone take {duration_text(_whole(chains.longest))}"
    )
    total = Counter[str]()
    for one in planned:
        total.update(one.cost)
    yield from (f"at worst {line}" for line in _costs(total))


def _shared(chain: Chain, planned: Schedule) -> bool:
    return any(one.platform == chain.platform for one in planned.chains if one != chain)


def _chain(name: str, pieces: Sequence[Piece]) -> str:
    length = sum((piece.lasts for piece in pieces), timedelta(0))
    return f"{name} ({duration_text(_whole(length))}): {', '.join(piece.name for piece in pieces)}"


def _costs(cost: Mapping[str, float]) -> Iterator[str]:
    yield from (
        f"{ratio_text(round(share, 3))} of the error budget of {name}" for name, share in cost.items()
    )


def _planned(session: Session, name: str) -> Planned:
    content = read_yaml(find(session.policy, "experiments", f"{name}.yaml")).content
    assert isinstance(content, dict)
    configuration = content.get("configuration") or {}
    promises = [p for p in session.policy.promises if name in _proves(p)]
    seen = last_time(Path("reports"), name)
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
        cost=dict(_cost(session.policy, str(configuration["runbook"]), lasts)),
        piece=piece_of(name, session, lasts),
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
    drills = [p.drill.shown_within for p in promises if p.drill]
    return STEADY + max(alerts, default=timedelta(0)) + max(drills, default=timedelta(0)) + AFTER


def _cost(policy: Policy, runbook: str, lasts: timedelta) -> Iterator[tuple[str, float]]:
    for promise in policy.runbook(runbook).promises:
        if promise.objective and promise.objective.target < 1:
            budget = promise.objective.window * (1 - promise.objective.target)
            yield promise.id, lasts / budget


def _whole(length: timedelta) -> timedelta:
    return timedelta(seconds=round(length.total_seconds()))
