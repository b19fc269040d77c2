"""Rows invented from a seed, the same seed giving the same rows."""

from __future__ import annotations

import random

_CITIES = ("Århus", "Kraków", "Zürich", "Málaga", "Brno")


def rows_of(seed: int, count: int) -> list[tuple[int, int, str, str]]:
    """So many rows (seed, age, income, city)."""
    chance = random.Random(seed)
    return [
        (seed, chance.randint(18, 90), f"{chance.lognormvariate(10, 0.5):.2f}", chance.choice(_CITIES))
        for _ in range(count)
    ]
