"""An ordinary hour of the AIA System: its users look at tasks and agents, and now and then write one."""

from aia_acts import TOKEN, add_task, log_in, look_at_agents, look_at_tasks, open_page, read_task
from arrivals import Crowd


class AiaUsers(Crowd):
    """A mixed crowd, of which every part of the API is used."""

    usual_rate = 10
    logins = (TOKEN,)
    mix = (
        (10, log_in),
        (30, look_at_tasks),
        (30, read_task),
        (15, look_at_agents),
        (5, add_task),
        (10, open_page),
    )
