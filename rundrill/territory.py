"""Which platforms an experiment may disturb, and that no other run is at work on them meanwhile."""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from rundrill import ledger, standby
from rundrill.errors import PolicyError, TargetError
from rundrill.lease import Holding
from rundrill.measure.load import find
from rundrill.reading import read_yaml
from rundrill.schedule import Piece
from rundrill.session import Session


def configuration_of(path: Path) -> Mapping[str, Any]:
    """What an experiment says of itself; PolicyError where it names no runbook."""
    content = read_yaml(path).content
    found = content.get("configuration") if isinstance(content, dict) else None
    if not isinstance(found, dict) or "runbook" not in found:
        raise PolicyError(
            f"{path}: configuration must name the runbook, and the crowd it runs under if it has one"
        )
    return found


@contextlib.contextmanager
def platforms_taken(
    name: str, configuration: Mapping[str, Any], session: Session
) -> Iterator[tuple[str, ...]]:
    """The platforms that an experiment may disturb, its own first, while the run holds the Lease of each.

    The first experiment takes what all of this run's will need, as far as it is free. TargetError where one that it
    needs is not, or where a fault is still in place there.
    """
    platforms = disturbed(configuration, session)
    # One after another: what another platform is refused for must not become this one's answer.
    with session.cached(("open", "taking"), threading.Lock):
        holding: Holding = session.cached(
            ("open", "standby"), lambda: session.keep(standby.at_work(session, platforms))
        )
        session.cached(("open", "leases"), lambda: _take_ahead(holding, session))
        holding.take(platforms)
    underway: set[str] = session.cached(("open", "underway"), set)
    ledger.refuse_while_open(session, platforms, underway)
    underway.add(name)
    try:
        yield platforms
    finally:
        underway.discard(name)


def piece_of(name: str, session: Session, lasts: timedelta) -> Piece:
    """An experiment of the policy's, as far as others beside it care."""
    configuration = configuration_of(find(session.policy, "experiments", f"{name}.yaml"))
    promises = session.policy.promises
    return Piece(
        name=name,
        platform=str(configuration["runbook"]),
        lasts=lasts,
        alone=bool(configuration.get("alone")),
        crowd=configuration.get("crowd"),
        touches=frozenset(map(str, configuration.get("touches") or ())),
        alerts=frozenset(p.id for p in promises if p.alert and p.alert.proven_by == name),
    )


def disturbed(configuration: Mapping[str, Any], session: Session) -> tuple[str, ...]:
    """The platforms that an experiment may disturb, its own first; all of the target's where it says `alone: true`."""
    own = str(configuration["runbook"])
    others = session.target.entry.platforms if configuration.get("alone") else ()
    return (own, *sorted(set(others) - {own}))


def _take_ahead(holding: Holding, session: Session) -> None:
    """Takes what this run's further experiments will need, so that no other run comes in between."""
    for slug in sorted({slug for name in session.chosen or () for slug in _needed(name, session)}):
        with contextlib.suppress(TargetError):
            holding.take([slug])


def _needed(name: str, session: Session) -> tuple[str, ...]:
    """The platforms of an experiment; none of what has no file here, such as a crowd."""
    try:
        return disturbed(configuration_of(find(session.policy, "experiments", f"{name}.yaml")), session)
    except TargetError:
        return ()
