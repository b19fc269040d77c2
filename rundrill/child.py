"""The child process that Chaos Toolkit runs an experiment in: what its parent told it, by environment."""

import os
from functools import cache
from pathlib import Path

from rundrill.crowd import Crowd
from rundrill.errors import TargetError
from rundrill.session import Session, open_session

POLICY, TARGET = "RUNDRILL_POLICY", "RUNDRILL_TARGET"
DRILL, EXPERIMENT, PROFILE = "RUNDRILL_DRILL", "RUNDRILL_EXPERIMENT", "RUNDRILL_PROFILE"
LINES = "crowd.jsonl"
"""The crowd's file in the drill's directory."""


def environment(session: Session, drill: Path, experiment: str) -> dict[str, str]:
    """What a parent must set for its child, so that it opens the same session."""
    where = {
        POLICY: str(session.policy.path.resolve()),
        TARGET: session.target.url,
        DRILL: str(drill.resolve()),
    }
    return where | {EXPERIMENT: experiment, PROFILE: session.profile_name}


@cache
def session() -> Session:
    """The session of this process, opened once."""
    return open_session(Path(_said(POLICY)), _said(TARGET), directory(), True, _said(PROFILE))


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


def _said(name: str) -> str:
    if name not in os.environ:
        raise TargetError(f"{name} is not set: experiments are run by `rundrill drill`, not by hand")
    return os.environ[name]
