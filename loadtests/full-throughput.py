"""The rate that the runbook promises: mostly readers with open sessions, as at a plateau and not at a peak of logins."""

from acts import create_application, list_applications, list_datasets, log_in, predict, read_session
from arrivals import Crowd


class FullThroughput(Crowd):
    """A steady crowd in which one arrival in fifty logs in."""

    mix = (
        (2, log_in),
        (43, read_session),
        (20, list_applications),
        (1, create_application),
        (20, list_datasets),
        (14, predict),
    )
