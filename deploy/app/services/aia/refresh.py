"""When an ExternalSecret is due for a refresh."""

from __future__ import annotations

import re
from datetime import datetime

from services.aia.cluster import Json

FORCE = "force-sync"
LOOK_EVERY_SECONDS = 5.0
_UNITS = {"h": 3600, "m": 60, "s": 1}


def seconds_of(interval: str) -> float:
    """`1h`, `90s`, `1h30m` in seconds."""
    return float(sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([hms])", interval)))


def due(external: Json, now: datetime, secret_there: bool) -> bool:
    """Whether it has to be refreshed now: never done, forced by annotation, its Secret gone, or its time over."""
    status = external.get("status", {})
    if not status.get("refreshTime") or not secret_there or status.get("forced", "") != forced(external):
        return True
    age = (now - datetime.fromisoformat(status["refreshTime"])).total_seconds()
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", ()))
    # A failure is tried again soon; a success keeps until its interval is over.
    return age >= (seconds_of(external["spec"].get("refreshInterval", "1h")) if ready else LOOK_EVERY_SECONDS)


def forced(external: Json) -> str:
    """The value of the annotation that asks for a refresh at once; "" where there is none."""
    return str((external["metadata"].get("annotations") or {}).get(FORCE, ""))
