"""Files of the policy as checked types, with every mistake gathered before anything is refused."""

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ValidationError

from rundrill.errors import PolicyError
from rundrill.reading import Document, Location, Unreadable, read_yaml
from rundrill.wording import Mistake, mistake, mistakes_of, shown


@dataclass(frozen=True)
class Loaded[Model: BaseModel]:
    """A file that is well formed: what it says, and where each entry stands."""

    document: Document
    model: Model
    root: Path

    def wrong(self, location: Location, says: str) -> Mistake:
        """That entry of this file is a mistake."""
        return mistake(self.document, self.root, location, says)


@dataclass
class Loader:
    """Reads the files of one policy and keeps the mistakes."""

    root: Path
    mistakes: list[Mistake] = field(default_factory=list)
    documents: dict[Path, Document] = field(default_factory=dict)
    """Every file that is YAML, well formed or not."""

    def load[Model: BaseModel](
        self, path: Path, model: type[Model], named_at: Mistake | None = None
    ) -> Loaded[Model] | None:
        """That file as that type; None, with the mistakes noted, where it is none."""
        document = self._read(path, named_at)
        if document is None:
            return None
        self.mistakes += [mistake(document, self.root, at, "stands twice") for at in document.repeated]
        try:
            return Loaded(document, model.model_validate(document.content), self.root)
        except ValidationError as error:
            self.mistakes += mistakes_of(error, model, document, self.root)
            return None

    def _read(self, path: Path, named_at: Mistake | None) -> Document | None:
        try:
            self.documents[path] = read_yaml(path)
            return self.documents[path]
        except Unreadable as error:
            self.mistakes.append(Mistake(shown(path, self.root), error.line, "", f"is no YAML: {error}"))
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            lost = Mistake(shown(path, self.root), 1, "", f"cannot be read: {why}")
            self.mistakes.append(named_at or lost)
        return None

    def error(self) -> PolicyError:
        """Every mistake, one line each, in the order of files and lines."""
        return PolicyError("\n".join(str(each) for each in sorted(set(self.mistakes))))
