"""slo.yaml and runbooks/*.yaml as one frozen Policy."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rundrill.defect import Defect, Defects
from rundrill.errors import PolicyError
from rundrill.frontpage import EVERY, Attestations, FrontPage, Gameday, Guard, Waiver
from rundrill.loading import Loader
from rundrill.profile import Profile
from rundrill.promise import Promise, Record
from rundrill.reading import Document
from rundrill.references import dangling
from rundrill.runbook import Indicator, Receiver, Runbook
from rundrill.target import PlatformAddresses, TargetEntry
from rundrill.written import Written

__all__ = ["Gameday", "Guard", "Indicator", "Policy", "Receiver", "Runbook", "Waiver", "load_policy"]


@dataclass(frozen=True)
class Policy:
    """All that was promised, and the rules of measuring it."""

    path: Path
    targets: Mapping[str, TargetEntry]
    profiles: Mapping[str, Profile]
    guard: Guard
    waivers: tuple[Waiver, ...]
    gamedays: Mapping[str, Gameday]
    runbooks: tuple[Runbook, ...]
    records: tuple[Record, ...] = ()
    """Signed attestations."""
    defects: tuple[Defect, ...] = ()
    """What the runbooks themselves get wrong."""

    @property
    def promises(self) -> tuple[Promise, ...]:
        """Every promise of every runbook, in order."""
        return tuple(promise for runbook in self.runbooks for promise in runbook.promises)

    def promise(self, promise_id: str) -> Promise:
        """The promise of that id; PolicyError where there is none."""
        for promise in self.promises:
            if promise.id == promise_id:
                return promise
        raise PolicyError(f"{self.path}: no promise has the id {promise_id!r}")

    def runbook(self, slug: str) -> Runbook:
        """The runbook of that name; PolicyError where there is none."""
        for runbook in self.runbooks:
            if runbook.runbook == slug:
                return runbook
        raise PolicyError(f"{self.path}: no runbook is called {slug!r}")

    def runbook_of(self, promise_id: str) -> Runbook:
        """The runbook that holds the promise of that id; PolicyError where none does."""
        for runbook in self.runbooks:
            if any(promise.id == promise_id for promise in runbook.promises):
                return runbook
        raise PolicyError(f"{self.path}: no promise has the id {promise_id!r}")

    def platform(self, slug: str) -> PlatformAddresses:
        """Where that runbook's platform stands on the first target that has it; PolicyError where none does."""
        for target in self.targets.values():
            if slug in target.platforms:
                return target.platforms[slug]
        raise PolicyError(f"{self.path}: no target has a platform {slug!r}")


def load_policy(path: Path) -> Policy:
    """The policy of that slo.yaml and all that it includes; PolicyError with one line for each fault."""
    loader = Loader(path.parent)
    written = _read(path, loader)
    if written is None or loader.mistakes:
        raise loader.error()
    loader.mistakes += dangling(written)
    if loader.mistakes:
        raise loader.error()
    front = written.front.model
    runbooks = tuple(runbook.model for runbook in written.runbooks)
    return Policy(
        path=path,
        targets=front.targets,
        profiles=front.profiles,
        guard=front.guard,
        waivers=front.waivers,
        gamedays={name: _whole(day, runbooks) for name, day in front.gamedays.items()},
        runbooks=runbooks,
        records=written.attestations.model.records if written.attestations else (),
        defects=tuple(defect for file in written.defects for defect in file.model.defects),
    )


def _whole(gameday: Gameday, runbooks: tuple[Runbook, ...]) -> Gameday:
    """The game day with every experiment by name; those that nobody wrote yet are no part of it."""
    if EVERY not in gameday.experiments:
        return gameday
    named = {
        name: None
        for runbook in runbooks
        if runbook.runbook in gameday.slugs
        for promise in runbook.promises
        if (name := promise.alert.proven_by if promise.alert else promise.experiment)
        and name not in runbook.planned.experiments
    }
    return gameday.model_copy(update={"experiments": tuple(named)})


def _read(path: Path, loader: Loader) -> Written | None:
    """All files of the policy; None where the front page itself cannot be read."""
    front = loader.load(path, FrontPage)
    if front is None:
        for name in _included(loader.documents.get(path)):
            loader.load(path.parent / name, Runbook)
        return None
    runbooks = [
        loader.load(
            path.parent / name, Runbook, front.wrong(("include", number), f"there is no file {name!r}")
        )
        for number, name in enumerate(front.model.include)
    ]
    book = front.model.attestations
    missing = front.wrong(("attestations",), f"there is no file {book!r}")
    records = loader.load(path.parent / book, Attestations, missing) if book else None
    defects = [
        loader.load(
            path.parent / name, Defects, front.wrong(("defects", number), f"there is no file {name!r}")
        )
        for number, name in enumerate(front.model.defects)
    ]
    return Written(front, _there(runbooks), records, _there(defects))


def _there[Thing](things: list[Thing | None]) -> list[Thing]:
    return [thing for thing in things if thing is not None]


def _included(document: Document | None) -> list[str]:
    """The runbook files that a front page names which is not well formed."""
    content = document.content if document else None
    names = content.get("include") if isinstance(content, dict) else None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
