"""What can be known of an alert without a cluster: how late each hop may be by the settings alone."""

import math
from collections.abc import Iterator
from datetime import timedelta

from rundrill import promql
from rundrill.profile import Profile
from rundrill.promise import Alert
from rundrill.units import duration_text

_LONGEST_SCRAPE = timedelta(seconds=10)


def scrape_timeout(profile: Profile) -> timedelta:
    """How long a scrape waits before its target counts as down."""
    return min(_LONGEST_SCRAPE, profile.pace(profile.scrape_interval))


def expected_hops(alert: Alert, profile: Profile) -> dict[str, timedelta]:
    """The longest that each hop takes by design, by the name of its end: first_bad_sample, pending, firing, witness.

    A sample is one scrape late, and a time-out later where nothing answers; the rule sees it an evaluation later, once the
    range of its query is full of it; it waits its `for` in whole evaluations; a new group waits `group_wait`.
    A channel has the last hop only.
    """
    witness = {"witness": profile.pace(profile.group_wait)}
    if alert.when is None:
        return witness
    tick = profile.pace(profile.evaluation_interval)
    waits = profile.pace(alert.for_ or timedelta(0))
    return {
        "first_bad_sample": profile.pace(profile.scrape_interval) + scrape_timeout(profile),
        "pending": profile.pace(promql.longest_range(alert.when)) + tick,
        "firing": math.ceil(waits / tick) * tick,
    } | witness


def impossible(alert: Alert, profile: Profile) -> Iterator[str]:
    """What of the alert's promise the settings themselves forbid, one line each; nothing where it can be kept."""
    yield from _too_slow(alert, profile)
    yield from _too_loud(alert, profile)
    yield from _blind(alert, profile)


def _too_slow(alert: Alert, profile: Profile) -> Iterator[str]:
    hops = expected_hops(alert, profile)
    promised, longest = profile.pace(alert.notified_within), sum(hops.values(), timedelta(0))
    if longest > promised:
        parts = " + ".join(f"{duration_text(took)} to {name}" for name, took in hops.items())
        yield (
            f"notified_within {duration_text(promised)} is less than the {duration_text(longest)}"
            f" that the settings allow ({parts})"
        )


def _too_loud(alert: Alert, profile: Profile) -> Iterator[str]:
    """A condition over a range stays true for that range after the fault is gone."""
    if alert.quiet_for is None or alert.for_ is None or alert.when is None:
        return
    seen_for, waits = alert.quiet_for + promql.longest_range(alert.when), alert.for_
    if seen_for > waits:
        yield (
            f"quiet_for {duration_text(alert.quiet_for)} may page: the query sees the fault for up to"
            f" {duration_text(seen_for)}, and `for` is {duration_text(waits)}"
        )


def _blind(alert: Alert, profile: Profile) -> Iterator[str]:
    """A rate needs two samples in its range."""
    if alert.when is None:
        return
    scrape = profile.pace(profile.scrape_interval)
    shortest = promql.shortest_range(alert.when)
    if shortest is not None and profile.pace(shortest) < 2 * scrape:
        yield (
            f"a range of {duration_text(profile.pace(shortest))} holds less than two samples"
            f" at a scrape every {duration_text(scrape)}"
        )
