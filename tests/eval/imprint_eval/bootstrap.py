# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""95 % intervals by bootstrap, paired and clustered.

Questions about one passage are not independent: whole clusters (contexts) are drawn with
replacement, and every method is scored on the same draws, so that the noise which methods
share falls out of their differences and ratios.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 4000
# Below this a difference between the bound and the base is not one: nothing can be a
# fraction of it.
MIN_BOUND = 0.02


@dataclass(frozen=True)
class Interval:
    """A figure and its 95 % interval; an end that the data leave open is infinite."""

    mean: float
    low: float
    high: float

    def as_json(self) -> dict[str, float | None]:
        def finite(value: float) -> float | None:
            return round(float(value), 6) if np.isfinite(value) else None

        return {"mean": finite(self.mean), "low": finite(self.low), "high": finite(self.high)}


def _percentiles(values: np.ndarray) -> tuple[float, float]:
    # Order statistics, not interpolated: draws may be infinite.
    ordered = np.sort(values)
    last = len(ordered) - 1
    return float(ordered[int(0.025 * last)]), float(ordered[int(np.ceil(0.975 * last))])


class PairedBootstrap:
    """Draws of clusters, the same for all that is asked of it.

    `scores[method][cluster]` holds one score for each item of the cluster; all methods have
    the same clusters in the same order, with the same items.
    """

    def __init__(
        self,
        scores: Mapping[str, Sequence[Sequence[float]]],
        seed: int = 0,
        resamples: int = RESAMPLES,
    ) -> None:
        shapes = {name: [len(items) for items in rows] for name, rows in scores.items()}
        first = next(iter(shapes.values()), [])
        for name, shape in shapes.items():
            if shape != first:
                raise ValueError(f"the items of {name} are not those of the others")
        if not sum(first):
            raise ValueError("there is nothing to score")
        self._counts = np.array(first, dtype=float)
        self._sums = {
            name: np.array([sum(items) for items in rows], dtype=float)
            for name, rows in scores.items()
        }
        clusters = len(first)
        draws = np.random.default_rng(seed).integers(0, clusters, size=(resamples, clusters))
        # An empty cluster alone cannot be a draw.
        self._draws = draws[self._counts[draws].sum(axis=1) > 0]

    def _mean(self, method: str) -> float:
        return float(self._sums[method].sum() / self._counts.sum())

    def _means(self, method: str) -> np.ndarray:
        sums, counts = self._sums[method][self._draws], self._counts[self._draws]
        return sums.sum(axis=1) / counts.sum(axis=1)

    def mean(self, method: str) -> Interval:
        return Interval(self._mean(method), *_percentiles(self._means(method)))

    def difference(self, method: str, other: str) -> Interval:
        """method - other."""
        return Interval(
            self._mean(method) - self._mean(other),
            *_percentiles(self._means(method) - self._means(other)),
        )

    def fraction(self, method: str, base: str, bound: str) -> Interval:
        """(method - base) / (bound - base).

        In draws where the bound is hardly above the base the fraction may be anything; they
        count as both infinitely low and infinitely high, so that an interval that rests on
        them is open instead of narrow by luck. The mean is NaN when the whole sample is so.
        """
        room = self._means(bound) - self._means(base)
        gain = self._means(method) - self._means(base)
        usable = room >= MIN_BOUND
        values = gain / np.where(usable, room, 1.0)
        low, _ = _percentiles(np.where(usable, values, -np.inf))
        _, high = _percentiles(np.where(usable, values, np.inf))
        whole = self._mean(bound) - self._mean(base)
        mean = (self._mean(method) - self._mean(base)) / whole if whole >= MIN_BOUND else np.nan
        return Interval(mean, low, high)


def mean_interval(values: Sequence[float], seed: int = 0) -> Interval:
    """Of values that are a cluster each."""
    return PairedBootstrap({"": [[value] for value in values]}, seed).mean("")


def ratio_interval(
    numerators: Sequence[float], denominators: Sequence[float], seed: int = 0
) -> Interval:
    """Of sum(numerators) / sum(denominators), drawn in pairs: nats per token."""
    above, below = np.array(numerators, dtype=float), np.array(denominators, dtype=float)
    draws = np.random.default_rng(seed).integers(0, len(above), size=(RESAMPLES, len(above)))
    ratios = above[draws].sum(axis=1) / below[draws].sum(axis=1)
    return Interval(float(above.sum() / below.sum()), *_percentiles(ratios))
