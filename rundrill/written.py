"""All files of a policy, each well formed by itself, before they are read together."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from rundrill.defect import Defect, Defects
from rundrill.frontpage import Attestations, FrontPage
from rundrill.loading import Loaded
from rundrill.promise import Promise
from rundrill.reading import Location
from rundrill.runbook import Runbook


@dataclass(frozen=True)
class Written:
    """All files of a policy, each well formed by itself."""

    front: Loaded[FrontPage]
    runbooks: list[Loaded[Runbook]]
    attestations: Loaded[Attestations] | None
    defects: list[Loaded[Defects]] = field(default_factory=list)

    @property
    def root(self) -> Path:
        """The policy's directory."""
        return self.front.root

    def promises(self) -> Iterator[tuple[Loaded[Runbook], Location, Promise]]:
        """Every promise with the file and the entry it stands at."""
        for runbook in self.runbooks:
            for number, promise in enumerate(runbook.model.promises):
                yield runbook, ("promises", number), promise

    def ids(self, kind: str | None = None) -> list[str]:
        """The ids of all promises, or of those of one kind."""
        return self._ids[kind]

    @cached_property
    def _ids(self) -> Mapping[str | None, list[str]]:
        found: dict[str | None, list[str]] = defaultdict(list)
        for _, _, promise in self.promises():
            found[promise.kind].append(promise.id)
            found[None].append(promise.id)
        return found

    def rows(self) -> Iterator[tuple[Loaded[Defects], Location, Defect]]:
        """Every defect with the file and the entry it stands at."""
        for file in self.defects:
            for number, defect in enumerate(file.model.defects):
                yield file, ("defects", number), defect
