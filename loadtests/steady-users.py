"""A weekday on the agents' platform: every tool is asked for, and no more than a handful of people at a time."""

from acts import calculate, look_up, search
from arrivals import Crowd


class SteadyUsers(Crowd):
    """Four in ten search, the others do sums and look up words; so few come that a small cluster has room for a fault."""

    usual_rate = 5
    mix = ((40, search), (35, calculate), (25, look_up))
