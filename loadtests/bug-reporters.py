"""People who report bugs, and now and then look at what is under way."""

from typing import ClassVar

from arrivals import Crowd
from pipeline_acts import list_reports, report_bug


class BugReporters(Crowd):
    """A steady crowd in which nine arrivals in ten hand in a report."""

    usual_rate: ClassVar[float] = 10
    mix = ((9, report_bug), (1, list_reports))
