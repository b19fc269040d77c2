"""Error-budget arithmetic, as in Google's SRE Workbook, chapter 5 "Alerting on SLOs".

A target of 99.9 % leaves a budget of 0.1 % of all events. Burn rate 1 spends exactly that budget in one period.
"""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Budget:
    """What a target allows to go wrong among so many events, and what did go wrong."""

    target: float
    good: float
    total: float

    @property
    def allowed(self) -> float:
        """Bad events that the target allows: (1 - target) * total."""
        return (1 - self.target) * self.total

    @property
    def bad(self) -> float:
        """Events that were not good; never below zero."""
        return max(self.total - self.good, 0.0)

    @property
    def spent(self) -> float | None:
        """The share of the budget that is gone, above 1 when overdrawn; None where there was none to spend."""
        return self.bad / self.allowed if self.allowed > 1e-9 else (None if self.bad else 0.0)

    @property
    def burn_rate(self) -> float | None:
        """How many times faster than allowed events went bad: (bad / total) / (1 - target)."""
        return self.spent if self.total else None


def burn_factor(budget_share: float, period: timedelta, long_window: timedelta) -> float:
    """The burn rate at which that share of a period's budget goes in one long window: share * period / window.

    2 % of 30 days in one hour is 14.4.
    """
    return budget_share * period / long_window


def exhausted_after(burn_rate: float, period: timedelta) -> timedelta | None:
    """How long a whole budget lasts at that burn rate: period / rate; None where nothing burns."""
    return period / burn_rate if burn_rate > 0 else None


def fires_after(factor: float, target: float, long_window: timedelta) -> timedelta | None:
    """When a burn-rate alert fires in a total outage: factor * (1 - target) * window; None where it never can."""
    needed = factor * (1 - target)
    return needed * long_window if needed <= 1 else None
