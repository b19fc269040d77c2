"""YAML in and out; what is read keeps the line of every entry, and a key that stands twice is a fault."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

# libyaml reads a policy of five runbooks ten times faster; wheels without it are rare.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

type Location = tuple[str | int, ...]

_DEEPEST = 50


@dataclass(frozen=True)
class Document:
    """A YAML file as plain lists, mappings and scalars, and where each entry stands."""

    path: Path
    content: object
    lines: Mapping[Location, int]
    repeated: tuple[Location, ...] = ()
    """Entries whose key stands more than once in its mapping."""

    def line(self, location: Location) -> int:
        """The line of that entry, or of the nearest entry around it that is there."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)


class Unreadable(Exception):
    """A file that is no YAML; says the line and what is wrong there."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


@dataclass
class _Reader:
    loader: Any
    lines: dict[Location, int] = field(default_factory=dict)
    repeated: list[Location] = field(default_factory=list)

    def read(self, node: yaml.Node, at: Location, around: tuple[yaml.Node, ...] = ()) -> object:
        line = node.start_mark.line + 1
        if any(node is each for each in around):
            raise Unreadable(line, "an entry holds itself")
        if len(around) > _DEEPEST:
            raise Unreadable(line, "nested too deeply")
        self.lines.setdefault(at, line)
        around = (*around, node)
        if isinstance(node, yaml.MappingNode):
            return dict(self._pairs(node, at, around))
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*at, number), around) for number, item in enumerate(node.value)]
        return self.loader.construct_object(node, deep=True)

    def _pairs(
        self, node: yaml.MappingNode, at: Location, around: tuple[yaml.Node, ...]
    ) -> Iterator[tuple[str, object]]:
        seen: set[str] = set()
        for key_node, value_node in node.value:
            key = str(key_node.value)
            below = (*at, key)
            if key in seen:
                self.repeated.append(below)
            seen.add(key)
            self.lines[below] = key_node.start_mark.line + 1
            yield key, self.read(value_node, below, around)


def read_yaml(path: Path) -> Document:
    """That file with its lines; Unreadable where it is no YAML, OSError where it cannot be opened."""
    try:
        text = path.read_text(encoding="utf-8")
        _refuse_depths(text)
        loader = _Loader(text)
        node = loader.get_single_node()
        reader = _Reader(loader)
        content = None if node is None else reader.read(node, ())
        return Document(path, content, reader.lines, tuple(reader.repeated))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Unreadable(mark.line + 1 if mark else 1, str(error.problem or error.context)) from error
    except RecursionError as error:
        raise Unreadable(1, "nested too deeply") from error
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise Unreadable(1, str(error).splitlines()[0]) from error


def _refuse_depths(text: str) -> None:
    """Unreadable where entries are nested so deeply that libyaml itself would fall."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > 2 * _DEEPEST:
            mark = event.start_mark
            raise Unreadable(mark.line + 1 if mark else 1, "nested too deeply")


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def yaml_text(content: object) -> str:
    """That content as YAML, its keys in the order given."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
