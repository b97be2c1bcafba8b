# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Which thread count serves a side better, now and here."""

from __future__ import annotations

import os
from collections.abc import Callable

from imprint_bench.figures import better


def counts() -> list[int]:
    """One thread, and as many as there are cores."""
    return sorted({1, len(os.sched_getaffinity(0))})


def choose(forced: int, rate: Callable[[int], float]) -> tuple[int, dict[int, float]]:
    """The better count and the rate of each that was tried; `forced` is not tried."""
    if forced:
        return forced, {}
    rates = {threads: rate(threads) for threads in counts()}
    return better(rates), rates
