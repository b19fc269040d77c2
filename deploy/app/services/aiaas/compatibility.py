"""Whether what an old schema allowed is still allowed by a new one, as far as objects of plain fields go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema

Schema = Mapping[str, Any]
MODES = ("BACKWARD", "NONE")


def fault_of(schema: object) -> str | None:
    """Why this is no JSON schema of an object; None where it is one."""
    if not isinstance(schema, dict):
        return "a JSON object is expected"
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        return str(error.message)
    return None if schema.get("type") == "object" else "a schema of an object is expected"


def breaks(old: Schema, new: Schema) -> Iterator[str]:
    """What a body that the old schema allowed may fail at under the new one."""
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
        yield f"{name} is needed now"
    closed = new.get("additionalProperties", True) is False
    for name, field in sorted(before.items()):
        if name not in after:
            if closed:
                yield f"{name} is no longer known"
            continue
        yield from _narrowed(name, field, after[name])


def _narrowed(name: str, before: Schema, after: Schema) -> Iterator[str]:
    if after.get("type", before.get("type")) != before.get("type"):
        yield f"{name} is {after.get('type')} instead of {before.get('type')}"
    if "enum" in after and not set(before.get("enum", [object()])) <= set(after["enum"]):
        yield f"{name} allows fewer values"
