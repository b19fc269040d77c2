"""A working day of the data platform: analysts look at datasets, most of them at the few that everybody looks at."""

from typing import ClassVar

from arrivals import Ask, Crowd, Visitors

SOURCES = 40
"""Seeded, and never taken away."""


def look_at_a_dataset(visitors: Visitors) -> Ask:
    """Somebody opens one of the datasets that everybody knows."""
    return Ask("data", "GET", f"/api/v1/datasets/{visitors.random.randint(1, SOURCES)}")


def list_the_newest(_: Visitors) -> Ask:
    """Somebody looks at what is new."""
    return Ask("data", "GET", "/api/v1/datasets")


class DatasetReaders(Crowd):
    """Nine in ten look at one dataset, one in ten at the newest; nobody changes anything."""

    usual_rate: ClassVar[float] = 10
    mix = ((90, look_at_a_dataset), (10, list_the_newest))
