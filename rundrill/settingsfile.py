"""Files of settings as plain mappings: Java properties, YAML, JSON, environment files."""

import json
import re
from typing import Any

import yaml

_PAIR = re.compile(r"\s*((?:\\.|[^\s=:\\])+)\s*[=:\s]\s*(.*)")
_ASSIGNED = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")


def parse(text: str, format: str) -> Any:
    """What the text says in that format (properties, yaml, json, env, text); ValueError where it says nothing readable."""
    match format:
        case "json":
            return json.loads(text)
        case "yaml":
            try:
                return yaml.safe_load(text)
            except yaml.YAMLError as error:
                raise ValueError(" ".join(str(error).split())) from None
        case "properties":
            return _properties(text)
        case "env":
            return _environment(text)
        case _:
            return text


def _properties(text: str) -> dict[str, str]:
    joined = re.sub(r"\\\r?\n\s*", "", text)
    pairs = (_PAIR.match(line) for line in joined.splitlines() if not re.match(r"\s*[#!]|\s*$", line))
    return {pair[1].replace("\\", ""): pair[2].strip() for pair in pairs if pair}


def _environment(text: str) -> dict[str, str]:
    pairs = (_ASSIGNED.match(line) for line in text.splitlines() if not line.lstrip().startswith("#"))
    return {pair[1]: pair[2].strip().strip("\"'") for pair in pairs if pair}
