"""Settings in ConfigMaps' files and workloads' environments; of Secrets only what their keys are called."""

import re
from datetime import UTC, datetime
from typing import Any

from rundrill.asking import StateAnswer, answered, sounds_secret
from rundrill.environment import Hidden, environment_of
from rundrill.errors import NoEvidence
from rundrill.evidence import Reading, StateSeen, Value
from rundrill.gateway.kubernetes import NotFound
from rundrill.listing import listed
from rundrill.objectpath import Nowhere, fact_at
from rundrill.probe import ConfigProbe
from rundrill.session import Session
from rundrill.settingsfile import parse

type Json = dict[str, Any]


def see_config(probe: ConfigProbe, session: Session, slug: str) -> StateAnswer:
    """The fields that were asked for, the names of all keys, and which of them sound secret and hold something."""
    namespace = session.namespace(slug, probe.namespace)
    subject, said = _said(probe, session, namespace)
    if said is None:
        return StateSeen((Reading(subject, {"found": False}),)), (answered("kubernetes", subject, None),)
    parsed = _file(probe, subject, said)
    if parsed is None:
        subject = f"{probe.key} of {subject}"
        return StateSeen((Reading(subject, {"found": False}),)), (answered("kubernetes", subject, None),)
    keys = list(parsed) if isinstance(parsed, dict) else []
    facts: dict[str, Value] = {
        "found": True,
        "keys": ", ".join(sorted(map(str, keys))),
        "secretive": ", ".join(key for key in keys if sounds_secret(key) and _open_text(parsed[key])),
        **_fields(probe, subject, parsed),
    }
    raw = answered("kubernetes", f"{subject} {probe.key or ''}".strip(), facts)
    return StateSeen((Reading(subject, facts),)), (raw,)


def _said(probe: ConfigProbe, session: Session, namespace: str) -> tuple[str, Json | None]:
    """What is looked at, and its settings by key; None where it is not there."""
    if probe.config_map:
        found = _named(session, "v1/ConfigMap", namespace, probe.config_map)
        return f"{namespace}/{probe.config_map}", None if found is None else dict(found.get("data") or {})
    if probe.secret_keys:
        try:
            secret = session.kube.one("v1/Secret", namespace, probe.secret_keys)
        except NotFound:
            return f"{namespace}/{probe.secret_keys}", None
        return f"{namespace}/{probe.secret_keys}", {key: Hidden() for key in secret.get("data") or {}}
    kind, name = ("Deployment", probe.deployment) if probe.deployment else ("StatefulSet", probe.stateful_set)
    found = _named(session, f"apps/v1/{kind}", namespace, str(name))
    maps = {
        one["metadata"]["name"]: one.get("data") or {} for one in listed(session, "v1/ConfigMap", namespace)
    }
    subject = f"{namespace}/{name}"
    return subject, None if found is None else environment_of(found, probe.container, maps)


def _named(session: Session, api: str, namespace: str, name: str) -> Json | None:
    return next((one for one in listed(session, api, namespace) if one["metadata"]["name"] == name), None)


def _file(probe: ConfigProbe, subject: str, said: Json) -> Any:
    """The file that the key holds, parsed; all keys where none is named, None where the named one is not there."""
    if probe.key is None:
        return said
    if probe.key not in said:
        return None
    text = said[probe.key]
    if isinstance(text, Hidden):
        raise NoEvidence(f"{probe.key} of {subject} comes from a Secret, whose values are not read")
    try:
        return parse(str(text), probe.format)
    except ValueError as error:
        raise NoEvidence(f"{probe.key} of {subject} is no {probe.format}: {error}") from None


def _fields(probe: ConfigProbe, subject: str, parsed: Any) -> dict[str, Value]:
    facts: dict[str, Value] = {}
    for name, path in probe.fields.items():
        value = _at(parsed, path)
        if isinstance(value, Hidden):
            raise NoEvidence(f"{path} of {subject} comes from a Secret, whose values are not read")
        if value is not Nowhere:
            facts[name] = value
    return facts


def _at(parsed: Any, path: str) -> Any:
    """A key as it stands, else a dotted path; `.` is all of it; Nowhere where it leads to nothing."""
    if path == "." or not isinstance(parsed, dict | list):
        return parsed if path == "." and isinstance(parsed, str) else Nowhere
    if isinstance(parsed, dict) and path in parsed and not isinstance(parsed[path], dict | list):
        return parsed[path]
    try:
        return fact_at(parsed, path, datetime.now(UTC))  # type: ignore[arg-type]
    except Nowhere:
        return Nowhere


def _open_text(value: object) -> bool:
    """Whether a value can be read by everybody and could be a credential; a number or a switch is none."""
    return isinstance(value, str) and not re.fullmatch(r"\d*|true|false", value)
