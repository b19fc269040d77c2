"""An objective as two counters over a window, and how much of that window has samples."""

import math
from datetime import UTC, datetime, timedelta

from rundrill.asking import Seen, answered
from rundrill.counters import counted, coverage, coverage_of_jobs, slice_of, with_births
from rundrill.errors import NoEvidence
from rundrill.evidence import ObjectiveSeen, Raw
from rundrill.gateway.prometheus import Prometheus
from rundrill.promise import Promise
from rundrill.session import Session


def see_objective(promise: Promise, session: Session) -> Seen:
    """Good and total events up to now; NoEvidence where the total has no samples or is zero."""
    objective = promise.objective
    assert objective is not None
    slug = session.slug(promise)
    window = session.profile.window(objective.window)
    indicator = session.policy.runbook(slug).indicators[objective.indicator].over(window, objective.within)
    asking = _Asking(session.prometheus(slug), datetime.now(UTC))
    total = asking.number(with_births(indicator.total))
    if total is None or not total > 0:
        raise NoEvidence(f"{promise.id}: no events in the last {window} by {indicator.total}")
    good = asking.number(with_births(indicator.good))
    if good is None and objective.within is not None:
        raise NoEvidence(f"{promise.id}: there is no such bucket boundary: {indicator.good}")
    scrape = session.profile.pace(session.profile.scrape_interval)
    covered, least = _covered(asking, indicator.total, window, scrape)
    also = {name: asking.number(query) for name, query in indicator.also.items()}
    shown = {name: value for name, value in also.items() if value is not None and math.isfinite(value)}
    # Nothing good at all has no series of its own: all requests failed.
    return ObjectiveSeen(good or 0.0, total, window, covered, shown, least), tuple(asking.raw)


class _Asking:
    """Questions to one Prometheus at one time."""

    def __init__(self, server: Prometheus, at: datetime) -> None:
        self._server = server
        self._at = at
        self.raw: list[Raw] = []

    def number(self, query: str) -> float | None:
        """The one value of a query, None where it has none; NoEvidence where it has several."""
        values = list(self.by_job(query).values())
        return values[0] if values else None

    def by_job(self, query: str, *, several: bool = False) -> dict[str, float]:
        """The value of each series by its job ("" where it has none); NoEvidence where several were not expected."""
        samples = self._server.query(query, self._at)
        self.raw.append(answered("prometheus", f"{query} @ {self._at.isoformat()}", samples.body))
        if len(samples.series) > 1 and not several:
            raise NoEvidence(f"{len(samples.series)} series, expected one, from {query}")
        return {one.labels.get("job", ""): one.value for one in samples.series}


def _covered(
    asking: _Asking, total: str, window: timedelta, scrape: timedelta
) -> tuple[timedelta, str | None]:
    """The time with samples of the counter, or of the service, that has fewest; and that service, where it is one."""
    step = slice_of(window, scrape)
    fewest: tuple[float, str | None] = (math.inf, None)
    for series in counted(total):
        fewest = min(fewest, (asking.number(coverage(series, window, scrape)) or 0.0, None), key=_slices)
        for job, slices in asking.by_job(coverage_of_jobs(series, window, scrape), several=True).items():
            fewest = min(fewest, (slices, job or None), key=_slices)
    slices, least = fewest
    return (min(window, step * slices), least) if math.isfinite(slices) else (timedelta(0), None)


def _slices(found: tuple[float, str | None]) -> float:
    return found[0]
