"""The child process that Chaos Toolkit runs an experiment in: what its parent told it, by environment."""

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from rundrill import hops, ledger, standby
from rundrill.crowd import Crowd
from rundrill.errors import NoEvidence, TargetError
from rundrill.ledger import Entry
from rundrill.recovery import Held, held
from rundrill.session import Session, open_session

POLICY, TARGET = "RUNDRILL_POLICY", "RUNDRILL_TARGET"
DRILL, EXPERIMENT, PROFILE = "RUNDRILL_DRILL", "RUNDRILL_EXPERIMENT", "RUNDRILL_PROFILE"
RUN, PLATFORMS = "RUNDRILL_RUN", "RUNDRILL_PLATFORMS"
_PR_SET_PDEATHSIG = 1
LINES = "crowd.jsonl"
"""The crowd's file in the drill's directory."""


def environment(session: Session, drill: Path, experiment: str, platforms: Iterable[str]) -> dict[str, str]:
    """What a parent must set for its child, so that it opens the same session.

    `platforms` are those that the experiment may disturb, its own first; the run must hold the Lease of each.
    """
    where = {
        POLICY: str(session.policy.path.resolve()),
        TARGET: session.target.url,
        DRILL: str(drill.resolve()),
    }
    whose = {RUN: session.run, PLATFORMS: ",".join(platforms)}
    return where | whose | {EXPERIMENT: experiment, PROFILE: session.profile_name}


@cache
def session() -> Session:
    """The session of this process, opened once."""
    _end_with_parent()
    opened = open_session(Path(_said(POLICY)), _said(TARGET), directory(), True, _said(PROFILE))
    opened.run = _said(RUN)
    return opened


@contextlib.contextmanager
def injecting(fault: str, undo: Mapping[str, Any]) -> Iterator[Entry]:
    """The undo stands in the cluster, and somebody there to act on it, before the block injects the fault.

    Raises TargetError, and nothing is injected, where nobody stands by; NoEvidence, and it is undone, where the entry
    was closed meanwhile: a run that was taken for dead must not leave a fault behind.
    """
    here, platforms = session(), tuple(_said(PLATFORMS).split(","))
    standby.check(here, platforms)
    of = ledger.Of(platforms[0], experiment(), alone=len(platforms) > 1)
    entry = ledger.open_entry(here, fault, undo, of)
    yield entry
    if not ledger.is_open(here, entry):
        ledger.undo(here, entry, "again, by its run")
        raise NoEvidence(f"{entry.name} was undone from the cluster while it was injected")


def _end_with_parent() -> None:
    """Asks Linux for a SIGTERM, which rolls back, when the runner dies; elsewhere the undoer alone must see to it."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def directory() -> Path:
    """The drill's directory."""
    return Path(_said(DRILL))


def experiment() -> str:
    """The name of the experiment."""
    return _said(EXPERIMENT)


@cache
def crowd() -> Crowd:
    """The crowd that is at work while the experiment runs; `read` it before each look."""
    return Crowd(directory() / LINES)


def time_of(station: str) -> datetime:
    """When the drill first reached that station; NoEvidence where it never did."""
    found = hops.reached(directory(), station)
    if found is None:
        raise NoEvidence(f"the drill never reached {station!r}, so there is nothing to wait for")
    return found[0].at


def crowd_held(since: datetime, for_: timedelta, target: float, within: timedelta | None) -> Held | None:
    """The first stretch of that length in which the crowd was served so well; NoEvidence where it has left before one."""
    seen = crowd().read()
    found = held(seen, since, for_, target, within)
    if found is None and seen.ended is not None:
        raise NoEvidence("the crowd has left, so nothing can be said of its users")
    return found


def _said(name: str) -> str:
    if name not in os.environ:
        raise TargetError(f"{name} is not set: experiments are run by `rundrill drill`, not by hand")
    return os.environ[name]
