"""The figures of the reports, as Prometheus has them."""

from __future__ import annotations

import math

Figures = dict[str, float | None]

CPU = '(1 - avg by (node) (rate(node_cpu_seconds_total{mode="idle"}[2m])))'
MEMORY = "(1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)"
_TAKEN = "(node_filesystem_size_bytes - node_filesystem_free_bytes)"
# As df counts: what is kept from everybody is neither taken nor left.
DISK = f"({_TAKEN} / ({_TAKEN} + node_filesystem_avail_bytes))"
ALERT_LEVELS = {"cpu": (CPU, 0.80), "memory": (MEMORY, 0.85), "disk": (DISK, 0.85)}
"""What is watched -> its share in use, and the share that raises its alert."""
_P95 = "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[7d]{ago})))"
_PER_MINUTE = "60 * sum(rate(http_requests_total[7d]{ago}))"
_ERRORS = '(sum(rate(http_requests_total{{code=~"5.."}}[7d]{ago})) or vector(0)) / sum(rate(http_requests_total[7d]{ago}))'


class Prometheus:
    """Instant queries that have one value."""

    def __init__(self, url: str) -> None:
        # Only the image has it.
        import httpx

        self._client = httpx.Client(base_url=url, timeout=30.0, trust_env=False)

    def value(self, query: str) -> float | None:
        """The largest value of the answer; None where there is none, or no number."""
        answer = self._client.get("/api/v1/query", params={"query": f"max({query})"}).raise_for_status()
        found = answer.json()["data"]["result"]
        value = float(found[0]["value"][1]) if found else math.nan
        return value if math.isfinite(value) else None

    def alerts(self) -> Figures:
        """How many alerts fired within a day, and how many have been firing for more than an hour."""
        fired = 'count(count by (alertname, job, pod) (count_over_time(ALERTS{alertstate="firing"}[1d]))) or vector(0)'
        standing = 'count(ALERTS{alertstate="firing"} and on (alertname, job, pod) (time() - ALERTS_FOR_STATE > 3600)) or vector(0)'
        return {"alerts_fired": self.value(fired), "alerts_standing": self.value(standing)}


def resources(prometheus: Prometheus) -> Figures:
    """The day's highest share in use of CPU, memory and disk of any node."""
    return {
        name: prometheus.value(f"max_over_time({share}[1d:1m])") for name, (share, _) in ALERT_LEVELS.items()
    }


def performance(prometheus: Prometheus) -> Figures:
    """Latency, load and errors of the last seven days, and of the seven before."""
    asked = {"p95_s": _P95, "requests_per_minute": _PER_MINUTE, "error_share": _ERRORS}
    now = {name: prometheus.value(query.format(ago="")) for name, query in asked.items()}
    before = {
        f"{name}_before": prometheus.value(query.format(ago=" offset 7d")) for name, query in asked.items()
    }
    return now | before


def capacity(prometheus: Prometheus) -> dict[str, dict[str, object]]:
    """For each of CPU, memory and disk: the share in use, its slope, and when it reaches its alert."""
    report: dict[str, dict[str, object]] = {}
    for name, (share, level) in ALERT_LEVELS.items():
        now, slope = prometheus.value(share), prometheus.value(f"deriv({share}[1d:5m])")
        report[name] = {
            "now": now,
            "per_day": None if slope is None else slope * 86_400,
            f"reaches_{level:.0%}".replace("%", "_percent"): when_reached(now, slope, level),
        }
    return report


def when_reached(now: float | None, per_second: float | None, level: float) -> str | None:
    """`reached`, `never` or `in N days`, on a straight line; None where the share is not known."""
    if now is None:
        return None
    if now >= level:
        return "reached"
    if per_second is None or per_second <= 0:
        return "never"
    return f"in {math.ceil((level - now) / per_second / 86_400)} days"
