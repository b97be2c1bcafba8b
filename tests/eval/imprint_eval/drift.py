# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Figures of retention from what was measured at one or more versions of a method."""

from __future__ import annotations

import math
from typing import Any

from imprint_eval.bootstrap import PairedBootstrap, ratio_interval
from imprint_eval.units import Units

# What the points of a sequence are called: job-1, job-5, ...
JOB_TAG = "job-"

_KNOWLEDGE = ("piqa", "facts")


def _windows(points: list[dict[str, Any]]) -> list[list[float]]:
    """Each window summed over the versions: it is what is drawn."""
    return [
        [sum(column) for column in zip(*rows, strict=True)]
        for rows in zip(*(point["windows"] for point in points), strict=True)
    ]


def _drift(windows: list[list[float]], seed: int) -> dict[str, Any]:
    tokens, divergence, base, version = zip(*windows, strict=True)
    kl = ratio_interval(divergence, tokens, seed)
    growth = ratio_interval([v - b for v, b in zip(version, base, strict=True)], tokens, seed)
    ratio = {name: math.exp(value) for name, value in growth.as_json().items()}
    return {"kl": kl.as_json(), "perplexity_ratio": ratio}


def drift_of(units: Units, method: str, seed: int) -> dict[str, Any]:
    """`figures`: the plain numbers; the rest: their intervals, the paired differences, and,
    where it was measured along a sequence, the drift by job. Empty: nothing was measured."""
    points = {key[1]: one for key, one in units.all("retention").items() if key[0] == method}
    if not points:
        return {}
    by_job = {
        int(tag.removeprefix(JOB_TAG)): one
        for tag, one in points.items()
        if tag.startswith(JOB_TAG)
    }
    # In a sequence the last version is what counts.
    measured = [by_job[max(by_job)]] if by_job else list(points.values())
    figures: dict[str, float] = {}
    found: dict[str, Any] = {"figures": figures, "versions": len(measured)}
    if windows := _windows(measured):
        drift = _drift(windows, seed)
        found.update(drift, tokens=int(sum(window[0] for window in windows)))
        figures.update({name: drift[name]["mean"] for name in drift})
    before = units.get("before") or {}
    for kind in _KNOWLEDGE:
        if kind not in before or kind not in measured[0]:
            continue
        after = [
            sum(values) / len(values)
            for values in zip(*(one[kind] for one in measured), strict=True)
        ]
        draws = PairedBootstrap(
            {"before": [[v] for v in before[kind]], "after": [[v] for v in after]}, seed
        )
        figures[f"{kind}_before"] = draws.mean("before").mean
        figures[f"{kind}_after"] = draws.mean("after").mean
        found[f"{kind}_difference"] = draws.difference("after", "before").as_json()
        found[f"{kind}_items"] = len(after)
    if by_job and windows:
        found["by_job"] = [
            {"job": job, **{name: value["mean"] for name, value in _drift(rows, seed).items()}}
            for job, one in sorted(by_job.items())
            if (rows := one["windows"])
        ]
    return found
