"""A container's environment, as its workload's template and the ConfigMaps it names spell it out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rundrill.errors import NoEvidence

type Json = Mapping[str, Any]
type Maps = Mapping[str, Mapping[str, str]]

_REFERENCE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")


@dataclass(frozen=True)
class Hidden:
    """A value that stands in a Secret, or that only the running pod knows."""


type Setting = str | Hidden


def environment_of(workload: Json, container: str | None, maps: Maps) -> dict[str, Setting]:
    """Variable -> value, ConfigMaps followed; NoEvidence where the workload has no such container."""
    containers = workload["spec"]["template"]["spec"]["containers"]
    chosen = [one for one in containers if container in (None, one["name"])]
    if not chosen:
        raise NoEvidence(f"{workload['metadata']['name']} has no container {container!r}")
    found: dict[str, Setting] = {}
    for source in chosen[0].get("envFrom") or ():
        found |= _all_of(source, maps)
    for variable in chosen[0].get("env") or ():
        value = _value(variable, maps, found)
        if value is not None:
            found[variable["name"]] = value
    return found


def _all_of(source: Json, maps: Maps) -> dict[str, Setting]:
    prefix = source.get("prefix") or ""
    named = source.get("configMapRef")
    # Of a Secret that is taken whole not even the keys stand here.
    return {f"{prefix}{key}": value for key, value in maps.get(named["name"], {}).items()} if named else {}


def _value(variable: Json, maps: Maps, before: Mapping[str, Setting]) -> Setting | None:
    source = variable.get("valueFrom")
    if not source:
        return _expanded(variable.get("value") or "", before)
    named = source.get("configMapKeyRef")
    return maps.get(named["name"], {}).get(named["key"]) if named else Hidden()


def _expanded(text: str, before: Mapping[str, Setting]) -> Setting:
    """The text with each $(NAME) replaced by a variable that stands before it; hidden where one of them is."""
    named = [before.get(name) for name in _REFERENCE.findall(text)]
    if any(isinstance(one, Hidden) for one in named):
        return Hidden()
    return _REFERENCE.sub(lambda match: str(before.get(match[1], match[0])), text)
