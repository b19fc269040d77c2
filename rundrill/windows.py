"""When faults may begin: frozen stretches of days, and hours of the week outside of which nothing is drilled. Pure."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from rundrill.kinds import Frozen

type Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _clock(text: object) -> time:
    """`HH:MM`; YAML reads an unquoted one as minutes of the day in base 60, or as text."""
    if isinstance(text, int) and 0 <= text < 24 * 60:
        return time(text // 60, text % 60)
    try:
        return time.fromisoformat(str(text))
    except ValueError:
        raise ValueError(f"found {text!r}, expected a time of day in UTC such as 02:00") from None


type Clock = Annotated[time, BeforeValidator(_clock)]


class Freeze(Frozen):
    """Nothing is drilled from the first day to the last, both included, by UTC."""

    first: date
    last: date
    reason: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _forward(self) -> "Freeze":
        if self.last < self.first:
            raise ValueError(f"ends on {self.last}, before it begins on {self.first}")
        return self


class Hours(Frozen):
    """Faults begin only then: these days of the week, from one time of day to another, by UTC."""

    days: Annotated[tuple[Day, ...], Field(min_length=1)] = DAYS
    since: Annotated[Clock, Field(alias="from")]
    until: Clock
    runbook: str | None = None
    """The only runbook they are for; all where nothing is said."""

    def hold(self, now: datetime) -> bool:
        """Whether they do now; hours that end before they begin reach into the next day."""
        clock, today = now.astimezone(UTC).time(), now.astimezone(UTC).weekday()
        if self.since <= self.until:
            return DAYS[today] in self.days and self.since <= clock < self.until
        if clock >= self.since:
            return DAYS[today] in self.days
        return DAYS[today - 1] in self.days and clock < self.until

    def __str__(self) -> str:
        return f"{'/'.join(self.days)} {self.since:%H:%M}-{self.until:%H:%M} UTC"


def closed(freezes: Iterable[Freeze], hours: Iterable[Hours], runbook: str, now: datetime) -> str | None:
    """Why no fault of that runbook's platform may begin now; None where one may."""
    today = now.astimezone(UTC).date()
    for freeze in freezes:
        if freeze.first <= today <= freeze.last:
            return f"frozen until the end of {freeze.last}: {freeze.reason}"
    own = [each for each in hours if each.runbook in (None, runbook)]
    if own and not any(each.hold(now) for each in own):
        return f"faults begin only {', or '.join(str(each) for each in own)}; it is {now.astimezone(UTC):%a %H:%M}"
    return None
