"""When the backup CronJob runs."""

from datetime import datetime, timedelta


def cron_of(every: timedelta, soon: datetime, live: str | None) -> str:
    """A cron line with this period; the live one where its period is the same, else one that starts in a minute.

    Periods are whole minutes that divide an hour, or whole hours that divide a day; others are rounded down to one.
    """
    minutes = max(1, int(every / timedelta(minutes=1)))
    start = soon + timedelta(minutes=1)
    step = max(d for d in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60) if d <= minutes)
    if step < 60:
        return _kept(live, f"/{step} * * * *") or f"{start.minute % step}-59/{step} * * * *"
    hours = max(d for d in (1, 2, 3, 4, 6, 8, 12, 24) if d * 60 <= minutes)
    if hours == 1:
        return _kept(live, " * * * *", not_containing="/") or f"{start.minute} * * * *"
    return _kept(live, f"-23/{hours} * * *") or f"{start.minute} {start.hour % hours}-23/{hours} * * *"


def _kept(live: str | None, ending: str, not_containing: str = "\n") -> str | None:
    return live if live and live.endswith(ending) and not_containing not in live else None
