# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What is made of measured values: spreads, percentiles, ratios."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence


def spread(values: Iterable[float | None]) -> dict[str, float | int] | None:
    """Median, least and greatest of the repeats that gave a value; None where none did."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return {
        "median": statistics.median(known),
        "min": min(known),
        "max": max(known),
        "repeats": len(known),
    }


def median(values: Iterable[float | None]) -> float | None:
    found = spread(values)
    return None if found is None else float(found["median"])


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The least value that `percent` of the values do not exceed (nearest rank)."""
    if not values:
        return None
    rank = max(math.ceil(percent / 100 * len(values)), 1)
    return sorted(values)[rank - 1]


def ratio(value: float | None, beside: float | None) -> float | None:
    """value / beside, to three places; None where either is unknown or there is nothing beside."""
    if value is None or not beside:
        return None
    return round(value / beside, 3)


def better(by_threads: dict[int, float]) -> int:
    """The thread count with the highest rate; of equal ones the lower."""
    return max(by_threads, key=lambda threads: (by_threads[threads], -threads))
