"""Frozen values as JSON: times as RFC 3339, lengths of time as seconds, what is no number as null."""

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, timedelta
from enum import Enum
from typing import Any


def plain(value: object) -> Any:
    """The value as JSON would have it; bytes and the unknown become their text."""
    match value:
        case None | bool() | int():
            return value
        case Enum():
            return value.value
        case str():
            return str(value)
        case float():
            return value if math.isfinite(value) else None
        case date():
            return value.isoformat()
        case timedelta():
            return round(value.total_seconds(), 6)
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
    return _by_field(value)


def _by_field(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name.removesuffix("_"): plain(getattr(value, field.name)) for field in fields(value)}
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
