"""A rush: an ordinary hour that begins with a minute and a half of many times as many users."""

from aia_acts import TOKEN, add_task, log_in, look_at_agents, look_at_tasks, read_task
from arrivals import Crowd, offsets

CALM_S, RUSH_S = 75.0, 90.0
"""How long it is calm at first, and how long the rush is then."""
RUSH = 18.0
"""So many times the usual rate."""


class AiaRush(Crowd):
    """A crowd that comes at its rate, all at once at many times of it, and then at its rate again."""

    usual_rate = 8
    logins = (TOKEN,)
    mix = ((20, log_in), (35, look_at_tasks), (15, read_task), (25, look_at_agents), (5, add_task))

    def times(self, rate: float, seconds: float, seed: int, spread: str) -> list[float]:
        """The calm before, the rush, and the calm after."""
        before = list(offsets(rate, min(CALM_S, seconds), seed, spread))
        rush = [CALM_S + at for at in offsets(rate * RUSH, RUSH_S, seed, spread)]
        after = [CALM_S + RUSH_S + at for at in offsets(rate, seconds - CALM_S - RUSH_S, seed, spread)]
        return [at for at in (*before, *rush, *after) if at < seconds]
