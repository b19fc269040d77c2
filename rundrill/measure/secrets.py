"""Secrets by what may be told of them: names, ages, keys, and how good a value is; never a value."""

import base64
import math
import re
import string
from datetime import UTC, datetime
from typing import Any

from rundrill.asking import StateAnswer, answered
from rundrill.evidence import Reading, StateSeen, Value
from rundrill.listing import listed
from rundrill.probe import SecretProbe
from rundrill.session import Session

type Json = dict[str, Any]

_EXAMPLE = re.compile(
    r"(?i)^$|^<.*>$|^\$\{.*\}$|\b(change[-_ ]?me|place[-_ ]?holder|example|dummy|todo|replace|your|value|insert)\b|^x{3,}$"
    r"|^(admin|password|secret|test|value|token|key)\d*$"
)
_VALUES = {"f:data", "f:stringData"}
_POOLS = (string.ascii_lowercase, string.ascii_uppercase, string.digits, string.punctuation)


def see_secrets(probe: SecretProbe, session: Session, slug: str) -> StateAnswer:
    """A reading of each Secret: how long ago its values changed, how its keys are called, how strong the named value is."""
    namespace = session.namespace(slug, probe.namespace)
    found = {one["metadata"]["name"]: one for one in listed(session, "v1/Secret", namespace)}
    readings = []
    for name in probe.names or tuple(found):
        facts: dict[str, Value] = {"found": False}
        if name in found:
            facts = {"found": True, **_told(found[name])}
            if probe.key:
                facts |= _strength(session, namespace, name, probe.key)
        readings.append(Reading(f"{namespace}/{name}", facts))
    raw = answered(
        "kubernetes", f"Secrets of {namespace}", {one.subject: dict(one.facts) for one in readings}
    )
    return StateSeen(tuple(readings)), (raw,)


def _told(secret: Json) -> dict[str, Value]:
    """Age and keys by who wrote what when, which Kubernetes keeps beside the values."""
    metadata = secret["metadata"]
    written = [
        (one["time"], [*fields.get("f:data", {}), *fields.get("f:stringData", {})])
        for one in metadata.get("managedFields") or ()
        if _VALUES & (fields := one.get("fieldsV1") or {}).keys()
    ]
    # Without any note the values are at most as old as the Secret itself.
    changed = max((at for at, _ in written), default=metadata["creationTimestamp"])
    keys = {key.removeprefix("f:") for _, fields in written for key in fields if key != "."}
    facts: dict[str, Value] = {"age": (datetime.now(UTC) - datetime.fromisoformat(changed)).total_seconds()}
    return facts | ({"keys": ", ".join(sorted(keys))} if keys else {})


def _strength(session: Session, namespace: str, name: str, key: str) -> dict[str, Value]:
    """Length, entropy and likeness to an example of one value, which stays in here; nothing where the key is not there."""
    values = session.kube.one("v1/Secret", namespace, name).get("data") or {}
    if key not in values:
        return {}
    value = base64.b64decode(values[key])
    text = value.decode(errors="replace").strip()
    return {"length": len(value), "bits": _bits(text), "placeholder": bool(_EXAMPLE.search(text))}


def _bits(text: str) -> int:
    """An upper bound of the entropy: as if each character were drawn from the kinds of characters that occur."""
    if re.fullmatch(r"[0-9a-f]+|[0-9A-F]+", text):
        pool = 16 if re.search(r"[a-fA-F]", text) else 10
    else:
        pool = sum(len(kind) for kind in _POOLS if set(kind) & set(text)) or 256
    # Few different characters cannot carry more than so many each.
    varied = min(pool, 2 * len(set(text)))
    return int(len(text) * math.log2(varied)) if varied > 1 else 0
