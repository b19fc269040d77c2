"""What a person must look at, told once where one cause explains several promises."""

from collections.abc import Iterable
from typing import Any

type Json = dict[str, Any]

_URGENCY = ("MISSED", "UNKNOWN", "WAIVED")


def alike(promises: Iterable[Json], verdicts: tuple[str, ...] = _URGENCY) -> list[list[Json]]:
    """The promises of these verdicts, those with the same verdict and reason together; worst first, `must` before `should`.

    One with hops stays alone: its way is its own.
    """
    groups: dict[tuple[str, ...], list[Json]] = {}
    for promise in promises:
        if promise["verdict"] in verdicts:
            own = promise["id"] if promise["measured"].get("hops") else ""
            groups.setdefault((promise["verdict"], _cause(promise), own), []).append(promise)
    return sorted(groups.values(), key=_urgency)


def cause_of(group: list[Json]) -> str:
    """The one reason that the promises of a group share."""
    return str(group[0]["reason"]) if len(group) == 1 else _cause(group[0])


def _cause(promise: Json) -> str:
    """Its reason; each act that nobody signed for is another, and yet one cause."""
    unsigned = promise["kind"] == "attestation" and promise["reason"].startswith("no signed record")
    return "no signed record of it" if unsigned else str(promise["reason"])


def _urgency(group: list[Json]) -> tuple[int, str]:
    """`must` sorts before `should` by its letters."""
    return _URGENCY.index(group[0]["verdict"]), min(promise["gate"] for promise in group)
