"""As many requests as the runbook calls today's capacity, and more: reports, looks at them, and questions after health."""

from arrivals import Crowd
from pipeline_acts import ask_health, list_reports, report_bug


class BugFlood(Crowd):
    """A crowd in which one arrival in five hands in a report."""

    mix = ((1, report_bug), (3, list_reports), (1, ask_health))
