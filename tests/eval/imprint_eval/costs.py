# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What learning cost: seconds by phase, and target tokens, by tokens of context."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from imprint_eval.units import Units

# Phases of a job as the server names them, and what they are called here.
_PHASES = {"plan": "plan", "train": "training", "gate": "gate", "publish": "publish"}


def covered(intervals: Sequence[tuple[float, float]]) -> float:
    """Length of the union: sentences of several contexts are written at the same time."""
    total = 0.0
    end = float("-inf")
    for begin, finish in sorted(intervals):
        if finish > end:
            total += finish - max(begin, end)
            end = finish
    return total


def costs_of(units: Units, method: str, ids: Sequence[str]) -> dict[str, Any]:
    """Of all its jobs, those that were rejected too."""
    tokens = sum(units.get("tokens", id_)["tokens"] for id_ in ids)
    written = [one for id_ in ids if (one := units.get("written", method, id_)) is not None]
    jobs = [job for key, job in units.all("job").items() if key[0] == method]
    seconds = {"generation": covered([(one["begin"], one["end"]) for one in written])}
    for phase, name in _PHASES.items():
        seconds[name] = sum(job["phase_seconds"].get(phase, 0.0) for job in jobs)
    kinds: dict[str, int] = {}
    for one in written:
        for kind, count in one["kinds"].items():
            kinds[kind] = kinds.get(kind, 0) + count
    steps = [job["steps"] for job in jobs]
    return {
        "context_tokens": tokens,
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "seconds_per_1k_context_tokens": round(1000 * sum(seconds.values()) / tokens, 3),
        "target_tokens_per_1k_context_tokens": round(
            1000 * sum(one["target_tokens"] for one in written) / tokens, 1
        ),
        "targets": sum(one["targets"] for one in written),
        "targets_by_kind": kinds,
        "targets_fingerprint": [one["fingerprint"] for one in written],
        "steps": sum(steps),
        "steps_per_job": round(sum(steps) / len(steps), 1) if steps else 0,
        "trained_tokens": sum(job["trained_tokens"] for job in jobs),
    }
