"""Questions and their whole answers, for the evidence that a verdict can be judged from again."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rundrill.evidence import Facts, Raw, StateSeen

type Seen = tuple[Facts, tuple[Raw, ...]]
"""What was seen, and the answers behind it."""
type StateAnswer = tuple[StateSeen, tuple[Raw, ...]]
"""The same of one question to a probe."""

_SECRETIVE = ("password", "secret", "token", "credential", "private", "api_key", "api-key", "apikey")
HIDDEN = "(not shown)"


def answered(source: str, asked: str, answer: object) -> Raw:
    """An answer as it came, dated now; values of environment variables that sound secret are left out."""
    return Raw(source, asked, discreet(answer), datetime.now(UTC))


def discreet(answer: Any) -> Any:
    """The answer without managed fields, and without the values of variables whose names sound secret."""
    if isinstance(answer, Mapping):
        kept = {key: discreet(value) for key, value in answer.items() if key not in _NOISE}
        if "value" in kept and sounds_secret(kept.get("name", "")):
            kept["value"] = HIDDEN
        return kept
    return [discreet(one) for one in answer] if isinstance(answer, list | tuple) else answer


def sounds_secret(name: object) -> bool:
    """Whether a setting of that name is one whose value should not be shown."""
    return any(word in str(name).lower() for word in _SECRETIVE)


_NOISE = ("managedFields", "kubectl.kubernetes.io/last-applied-configuration")
