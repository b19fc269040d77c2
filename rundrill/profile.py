"""How fast time runs in a drill: `real`, or `accelerated` on drill clusters only."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from rundrill.units import Duration


class Profile(BaseModel):
    """Every rule duration, scrape and group wait is divided by `accelerated`; 1 is real time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    accelerated: int = Field(default=1, ge=1, le=60)
    objective_window: Duration | None = None
    """Stands in for an objective's own window, which a young drill cluster cannot have; said on every line."""
    scrape_interval: Duration = Field(default="10s", validate_default=True)
    evaluation_interval: Duration = Field(default="10s", validate_default=True)
    group_wait: Duration = Field(default="10s", validate_default=True)
    group_interval: Duration = Field(default="1m", validate_default=True)
    repeat_interval: Duration = Field(default="4h", validate_default=True)
    backup_every: Duration = Field(default="1h", validate_default=True)

    def pace(self, length: timedelta) -> timedelta:
        """That length of time as this profile lives it; what is a second or longer never falls below one."""
        return max(length / self.accelerated, min(length, timedelta(seconds=1)))

    def window(self, length: timedelta) -> timedelta:
        """The window that an objective is measured over here, where it promises one of that length."""
        return self.objective_window or length

    @property
    def note(self) -> str:
        """What a report says on each line that the profile touched; empty for real time."""
        return "" if self.accelerated == 1 else f"time accelerated {self.accelerated} times"
