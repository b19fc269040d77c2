"""The stations of a drill, written down as they are reached: one JSON line each in the drill's directory."""

import json
from datetime import datetime
from pathlib import Path

from rundrill.evidence import Hop

FILE = "hops.jsonl"
PROCEDURE = "procedure"
"""Noted where nothing is broken on purpose: it is not over for its users before its end."""
THEN, NOT_THEN = "then:", "not-then:"
"""Before a promise's id and a number: that question of what must be so in the end was answered with yes, or with no."""
LAPSED = "lapsed"
"""Noted where a fault was seen to be over before its undo: it then proves nothing."""
UNDOING = "undoing"
"""Noted when the undo of a fault begins: from then on its users may recover."""


def wanted_by(name: str) -> str | None:
    """The promise whose question of what must be so in the end a station answers; None for any other station."""
    return name.split(":")[1] if name.startswith((THEN, NOT_THEN)) else None


def note(directory: Path, name: str, at: datetime, source: str, says: str = "", of: str = "") -> Hop:
    """The hop, once it stands in the file; `says` is what was seen, `of` the promise whose alert came so far."""
    hop = Hop(name, at, source, of)
    line = {"name": name, "at": at.isoformat(), "source": source, "says": says} | ({"of": of} if of else {})
    with (directory / FILE).open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(line) + "\n")
    return hop


def noted(directory: Path) -> tuple[tuple[Hop, str], ...]:
    """Every hop of the drill with what was seen, in the order of their times; a half-written last line is left out."""
    path = directory / FILE
    if not path.exists():
        return ()
    lines = path.read_text(encoding="utf-8").rpartition("\n")[0].splitlines()
    said = [json.loads(line) for line in lines]
    hops = [
        (
            Hop(one["name"], datetime.fromisoformat(one["at"]), one["source"], one.get("of", "")),
            str(one["says"]),
        )
        for one in said
    ]
    return tuple(sorted(hops, key=lambda pair: pair[0].at))


def reached(directory: Path, name: str) -> tuple[Hop, str] | None:
    """The first time that a station was reached, None where it was not."""
    return next(((hop, says) for hop, says in noted(directory) if hop.name == name), None)


def last(directory: Path, name: str) -> Hop | None:
    """The last time that a station was reached, where an experiment has several faults; None where it was not."""
    return next((hop for hop, _ in reversed(noted(directory)) if hop.name == name), None)
