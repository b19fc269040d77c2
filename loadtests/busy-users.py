"""A busy hour on the agents' platform: more people than gateways with little processor can serve."""

from acts import calculate, look_up, search
from arrivals import Crowd


class BusyUsers(Crowd):
    """Twelve arrivals a second, with the tools asked for as on any day."""

    usual_rate = 12
    mix = ((40, search), (35, calculate), (25, look_up))
