"""An instant query as readings: one a series."""

import re
from datetime import UTC, datetime

from rundrill.asking import StateAnswer, answered
from rundrill.evidence import Reading, StateSeen, Value
from rundrill.gateway.prometheus import Prometheus, Sample
from rundrill.probe import PromqlProbe
from rundrill.session import Session

_PLAIN = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\s*(\{[^}]*\})?")


def see_promql(probe: PromqlProbe, session: Session, slug: str) -> StateAnswer:
    """Value of each series; age too, where the query is a plain selector and so has samples of its own."""
    server, at = session.prometheus(slug), datetime.now(UTC)
    samples = server.query(probe.query, at)
    ages = _ages(server, probe.query, at) if _PLAIN.fullmatch(probe.query.strip()) else {}
    readings = []
    for one in samples.series:
        facts: dict[str, Value] = {"value": one.value}
        if (name := subject(one)) in ages:
            facts["age"] = ages[name]
        readings.append(Reading(name, facts))
    raw = answered("prometheus", f"{probe.query} @ {at.isoformat()}", samples.body)
    return StateSeen(tuple(readings)), (raw,)


def subject(sample: Sample) -> str:
    """A series by its labels: `auth-service` where there is but one, else `job=auth-service, node=a`."""
    labels = {name: value for name, value in sample.labels.items() if name != "__name__"}
    if len(labels) == 1:
        return next(iter(labels.values()))
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items())) or "value"


def _ages(server: Prometheus, query: str, at: datetime) -> dict[str, float]:
    """How old the sample of each series is, in seconds."""
    return {
        subject(one): at.timestamp() - one.value for one in server.query(f"timestamp({query})", at).series
    }
