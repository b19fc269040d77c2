"""Monday morning: everybody logs in, looks around and asks the models; every part of the platform is used."""

from acts import create_application, list_applications, list_datasets, log_in, predict, read_session
from arrivals import Crowd


class LoginPeak(Crowd):
    """A mixed crowd in which one arrival in four logs in."""

    mix = (
        (25, log_in),
        (25, read_session),
        (20, list_applications),
        (2, create_application),
        (16, list_datasets),
        (12, predict),
    )
