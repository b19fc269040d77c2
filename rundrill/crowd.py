"""What a crowd wrote down: its plan, its arrivals, and what its users saw in any stretch of time."""

import json
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rundrill.errors import NoEvidence
from rundrill.evidence import LoadPhase


@dataclass(frozen=True)
class Arrival:
    """One user's request: when it was planned, started and answered (seconds of the epoch), and how it ended."""

    planned: float
    route: str
    started: float | None
    ended: float | None
    status: int | None
    error: str | None

    @property
    def sent(self) -> bool:
        """Whether the crowd sent it at all; False is the crowd's fault and nobody else's."""
        return self.started is not None

    @property
    def answered(self) -> bool:
        """Whether the user got what he asked for."""
        return self.error is None and self.status is not None and self.status < 400

    @property
    def latency(self) -> float | None:
        """Seconds from the planned start to the answer; None where none came."""
        return None if self.ended is None else self.ended - self.planned

    def good(self, within: timedelta | None) -> bool:
        """Whether it was answered, and soon enough where an objective says how soon."""
        late = within is not None and (self.latency or 0.0) > within.total_seconds()
        return self.answered and not late


@dataclass
class Crowd:
    """The lines of one crowd, read as far as they are written; `read` takes in what came since."""

    path: Path
    began: float | None = None
    rate: float = 0.0
    plan: list[float] = field(default_factory=list)
    """Planned times of all arrivals, seconds of the epoch, in order."""
    arrivals: list[Arrival] = field(default_factory=list)
    ended: float | None = None
    """When the crowd closed its file; None where it did not, or did not yet."""
    _offset: int = 0

    def read(self) -> "Crowd":
        """This crowd with every whole line that its file has by now."""
        if not self.path.exists():
            return self
        with self.path.open("rb") as lines:
            lines.seek(self._offset)
            fresh = lines.read()
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            self._take(json.loads(line))
        return self

    def _take(self, line: dict[str, object]) -> None:
        if "crowd" in line:
            self.began, self.rate = float(str(line["began"])), float(str(line["rate"]))
            offsets = line["plan"]
            assert isinstance(offsets, list)
            self.plan = [self.began + float(offset) for offset in offsets]
        elif "planned" in line:
            self.arrivals.append(Arrival(**line))  # type: ignore[arg-type]
        else:
            self.ended = float(str(line["ended"]))

    def planned(self, start: float, end: float) -> int:
        """How many arrivals the plan has from start (included) to end (not)."""
        return bisect_left(self.plan, end) - bisect_left(self.plan, start)

    def between(self, start: float, end: float) -> list[Arrival]:
        """The arrivals planned in that stretch whose end is written."""
        return [arrival for arrival in self.arrivals if start <= arrival.planned < end]

    def phase(self, name: str, start: datetime, end: datetime) -> LoadPhase:
        """What the users saw of arrivals planned from start to end."""
        seen = self.between(start.timestamp(), end.timestamp())
        sent = [arrival for arrival in seen if arrival.sent]
        reasons = Counter(
            arrival.error or f"status {arrival.status}" for arrival in sent if not arrival.answered
        )
        return LoadPhase(
            name=name,
            started=start,
            ended=end,
            planned=self.planned(start.timestamp(), end.timestamp()),
            sent=len(sent),
            failed=reasons.total(),
            latency_s=_latencies(arrival.latency for arrival in sent),
            failures=dict(reasons),
        )

    def lost(self) -> int:
        """How many planned arrivals up to the end of the file were never sent."""
        until = self.ended if self.ended is not None else max((a.planned for a in self.arrivals), default=0.0)
        return self.planned(0.0, until) - sum(
            arrival.sent and arrival.planned < until for arrival in self.arrivals
        )

    def good_per_bucket(self, bucket: timedelta, within: timedelta | None = None) -> tuple[int, ...]:
        """Good answers in each whole bucket of time since the crowd began, by planned start."""
        if self.began is None or self.ended is None:
            raise NoEvidence(f"{self.path.name}: the crowd did not finish, so its buckets cannot be counted")
        began, length = self.began, bucket.total_seconds()
        end = min(self.ended, self.plan[-1] if self.plan else began)
        counts = Counter(
            int((arrival.planned - began) / length) for arrival in self.arrivals if arrival.good(within)
        )
        return tuple(counts[number] for number in range(int((end - began) / length)))


def _latencies(seen: Iterable[float | None]) -> dict[str, float]:
    known = sorted(latency for latency in seen if latency is not None)
    if not known:
        return {}
    ranks = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: round(_quantile(known, rank), 4) for name, rank in ranks.items()}


def _quantile(ordered: Sequence[float], rank: float) -> float:
    """The nearest-rank quantile: a value that was measured, not one in between."""
    return ordered[max(1, math.ceil(round(len(ordered) * rank, 6))) - 1]


def instant(seconds: float) -> datetime:
    """Seconds of the epoch as a UTC time."""
    return datetime.fromtimestamp(seconds, UTC)
