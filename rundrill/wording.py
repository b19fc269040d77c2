"""Each fault of a policy in one line: file and line, entry, what was found, what was expected."""

import difflib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rundrill.reading import Document, Location


@dataclass(frozen=True, order=True)
class Mistake:
    """One line for the author of a policy."""

    file: str
    line: int
    entry: str
    says: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:"
        return f"{where} {self.entry}: {self.says}" if self.entry else f"{where} {self.says}"


def shown(path: Path, root: Path) -> str:
    """That path as the author knows it: from the policy's directory where it lies below it."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def mistake(document: Document, root: Path, location: Location, says: str) -> Mistake:
    """What is wrong at that entry of that file."""
    entry = entry_name(document.content, location)
    return Mistake(shown(document.path, root), document.line(location), entry, says)


def entry_name(content: object, location: Location) -> str:
    """The entry's path with dots; a promise goes by its id: `aiaas.slo.latency.objective.target`."""
    words: list[str] = []
    for step in location:
        content = _below(content, step)
        name = content.get("id") if isinstance(content, Mapping) and isinstance(step, int) else None
        if isinstance(name, str):
            words = [name]
        elif isinstance(step, int) and words:
            words[-1] += f"[{step}]"
        else:
            words.append(str(step))
    return ".".join(words)


def _below(content: object, step: str | int) -> object:
    if isinstance(content, Mapping):
        return content.get(step)
    if isinstance(content, list) and isinstance(step, int) and step < len(content):
        return content[step]
    return None


def mistakes_of(
    error: ValidationError, model: type[BaseModel], document: Document, root: Path
) -> Iterator[Mistake]:
    """Every fault that the types found in a document, in our words."""
    for detail in error.errors(include_url=False):
        location = tuple(detail["loc"])
        yield mistake(document, root, location, _said(detail, model, location))


def _said(detail: ErrorDetails, model: type[BaseModel], location: Location) -> str:
    # A password that somebody wrote inline must not go on into a log.
    found = detail["input"] if "password" not in location else ...
    match detail["type"]:
        case "extra_forbidden":
            return f"unknown key{did_you_mean(str(location[-1]), _keys(model, location[:-1]))}"
        case "string_pattern_mismatch":
            return f"found {brief(found)}, expected {_SHAPES.get(location[-1], 'another form')}"
        case "string_too_short" | "too_short":
            return "is empty"
        case "missing":
            return "is missing"
        case "value_error":
            return str(detail["ctx"]["error"])
        case "literal_error":
            words = str(detail["ctx"]["expected"]).replace("'", "").replace(" or ", ", ")
            return f"{brief(found)} is none of {words}"
        case "greater_than_equal" | "less_than_equal" | "greater_than" | "less_than":
            return f"{brief(found)} is out of range, expected {_lower_first(detail['msg']).removeprefix('input should be ')}"
        case kind:
            return f"found {brief(found)}, expected {_EXPECTED.get(kind, _lower_first(detail['msg']))}"


_SHAPES: dict[str | int, str] = {
    "id": "small letters, digits and dashes with dots between (try shop.slo.latency)",
    "path": "a path that begins with /",
    "api": "a version and a kind (try v1/ConfigMap or apps/v1/Deployment)",
}

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "date_type": "a day (try 2027-01-31)",
    "date_parsing": "a day (try 2027-01-31)",
    "date_from_datetime_parsing": "a day (try 2027-01-31)",
}


def brief(found: object) -> str:
    """What was found, short enough for one line."""
    text = "nothing" if found is None else "something" if found is ... else repr(found)
    return text if len(text) <= 40 else f"{text[:37]}..."


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint at the nearest known word, or at all of them where none is near."""
    words = sorted(known)
    near = difflib.get_close_matches(word, words, n=1)
    if near:
        return f" (did you mean {near[0]}?)"
    return f" (known: {', '.join(words)})" if words else ""


def hint(word: str, known: Iterable[str]) -> str:
    """The same, and nothing where the known words would fill the screen."""
    near = did_you_mean(word, known)
    return near if len(near) < 200 else ""


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _keys(model: type[BaseModel], location: Location) -> list[str]:
    """The keys that the model at that place knows."""
    kind: object = model
    for step in location:
        kind = _inner(kind, step)
    return [field.alias or name for name, field in kind.model_fields.items()] if _is_model(kind) else []


def _is_model(kind: object) -> typing.TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _inner(kind: object, step: str | int) -> object:
    """The type one step below: a field of a model, an item of a tuple, a value of a dict."""
    if _is_model(kind):
        found = next((f for name, f in kind.model_fields.items() if step in (name, f.alias)), None)
        return _plain(found.annotation) if found else None
    arguments = typing.get_args(kind)
    return _plain(arguments[-1] if typing.get_origin(kind) is dict else arguments[0]) if arguments else None


def _plain(kind: object) -> object:
    """That type without `| None` and Annotated."""
    if typing.get_origin(kind) is typing.Annotated:
        return _plain(typing.get_args(kind)[0])
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        return _plain(next(part for part in typing.get_args(kind) if part is not type(None)))
    return kind
