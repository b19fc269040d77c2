"""A quiet hour on the agents' platform: so few people that nobody waits for anybody else."""

from acts import calculate, look_up, search
from arrivals import Crowd


class FewUsers(Crowd):
    """One arrival in two seconds: what is slow then is slow by itself, and not for want of connections."""

    usual_rate = 0.5
    mix = ((40, search), (35, calculate), (25, look_up))
