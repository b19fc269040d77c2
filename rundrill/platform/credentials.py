"""A platform's passwords and keys: made once, at the first set-up, and never changed by a later one."""

import base64
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import yaml

from rundrill.errors import PolicyError
from rundrill.platform.cluster_client import Kubectl, Manifest

type Place = tuple[str, str, str]
"""namespace, name of the Secret, key"""
type Values = Mapping[tuple[str, str], Mapping[str, str]]
"""(namespace, name of the Secret) -> key -> value."""
_REFERENCE = re.compile(r"\{([^{}/]+/[^{}/]+/[^{}/]+)\}")


@dataclass(frozen=True)
class Recipe:
    """How one value is made: at random where neither is given, else as it stands, or from a text with others in it."""

    literal: str | None = None
    template: str | None = None

    @property
    def needs(self) -> list[Place]:
        """The values that this one is made of."""
        return [_place(found) for found in _REFERENCE.findall(self.template or "")]

    def make(self, values: Mapping[Place, str]) -> str:
        """The value, from those that it needs."""
        if self.literal is not None:
            return self.literal
        if self.template is not None:
            return _REFERENCE.sub(lambda found: values[_place(found[1])], self.template)
        return secrets.token_urlsafe(24)


type Recipes = Mapping[Place, Recipe]
"""In an order in which each comes after all that it needs."""


def read_recipes(file: Path) -> Recipes:
    """The recipes of a credentials.yaml, none where there is no such file; PolicyError names what is wrong with it."""
    if not file.exists():
        return {}
    try:
        listed = yaml.safe_load(file.read_text()) or {}
        found = {
            (namespace, name, str(key)): _recipe(how)
            for namespace, named in listed.items()
            for name, keys in named.items()
            for key, how in keys.items()
        }
        order = TopologicalSorter({place: recipe.needs for place, recipe in found.items()}).static_order()
        return {place: found[place] for place in order}
    except KeyError as lost:
        raise PolicyError(
            f"{file}: there is no {'/'.join(lost.args[0])}, and another is made of it"
        ) from lost
    except (yaml.YAMLError, AttributeError, TypeError, ValueError) as problem:
        raise PolicyError(f"{file}: {problem}; expected namespace: Secret: key: random") from problem


def _recipe(how: object) -> Recipe:
    match how:
        case "random":
            return Recipe()
        case {"same-as": str(other), **rest} if not rest:
            _place(other)
            return Recipe(template=f"{{{other}}}")
        case {"literal": str(text), **rest} if not rest:
            return Recipe(literal=text)
        case {"template": str(text), **rest} if not rest:
            return Recipe(template=text)
    raise ValueError(f"found {how!r}, expected random, or one of same-as, literal, template")


def _place(text: str) -> Place:
    namespace, name, key = text.split("/")
    return namespace, name, key


def missing_credentials(recipes: Recipes, existing: Values) -> list[Manifest]:
    """The Secrets that lack a key, complete; a value that two of them share is taken from the one that is there."""
    there = {p: existing[p[:2]][p[2]] for p in recipes if p[2] in existing.get(p[:2], {})}
    shared = {
        r.needs[0]: there[p] for p, r in recipes.items() if p in there and r.template == _whole(r.needs)
    }
    values = shared | there
    for place, recipe in recipes.items():
        values[place] = values.get(place) or recipe.make(values)
    lacking = sorted({place[:2] for place in recipes if place not in there})
    return [secret(*name, {**existing.get(name, {}), **_of(name, values)}) for name in lacking]


def _whole(needs: Sequence[Place]) -> str:
    """The template of a value that is the same as another."""
    return f"{{{'/'.join(needs[0])}}}" if needs else ""


def _of(name: tuple[str, str], values: Mapping[Place, str]) -> dict[str, str]:
    return {place[2]: value for place, value in values.items() if place[:2] == name}


def secret(namespace: str, name: str, values: Mapping[str, str], kind: str = "Opaque") -> Manifest:
    """A Secret with these values."""
    metadata = {"namespace": namespace, "name": name}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": kind,
        "stringData": dict(values),
    }


def read_secrets(kubectl: Kubectl, namespaces: Iterable[str]) -> Values:
    """Every Secret of these namespaces, decoded."""
    found = (i for namespace in namespaces for i in kubectl.items("secrets", f"--namespace={namespace}"))
    return decoded(found)


def decoded(items: Iterable[Manifest]) -> Values:
    """These Secrets' values; bytes that are no text are left out."""
    return {_named(item): _decoded(item) for item in items}


def _named(item: Manifest) -> tuple[str, str]:
    metadata = item["metadata"]
    assert isinstance(metadata, dict)
    return metadata["namespace"], metadata["name"]


def _decoded(item: Manifest) -> dict[str, str]:
    values = item.get("data") or {}
    assert isinstance(values, dict)
    return {name: base64.b64decode(value).decode(errors="replace") for name, value in values.items()}
