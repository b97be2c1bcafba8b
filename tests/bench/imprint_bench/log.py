# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Durable appends a second, and the time to open a long log; by log_bench beside this folder,
without a server around it. The limit is what the disk gives to bare writes with a sync each."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from imprint_bench.figures import median, ratio, spread
from imprint_bench.report import Report
from imprint_bench.server import BenchError
from imprint_bench.settings import Settings

CALLERS = (1, 16, 64)
SIZES = (200, 4_000, 64_000)
_LIMIT_SECONDS = 3600


def _bench(settings: Settings, folder: Path, mode: str, *arguments: object) -> dict[str, Any]:
    place = folder / "log"
    command = [str(settings.bin_dir / "log_bench"), mode, str(place), *map(str, arguments)]
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, timeout=_LIMIT_SECONDS, check=False
        )
    except OSError as error:
        raise BenchError(f"{error}; build the target log_bench, or name --bin_dir") from error
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if done.returncode != 0:
        raise BenchError(f"log_bench ended with {done.returncode}")
    return json.loads(done.stdout)


def run(settings: Settings, report: Report, folder: Path) -> dict[str, float | None]:
    limits: dict[int, list[dict[str, Any]]] = {size: [] for size in SIZES}
    found: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for _ in range(settings.repeats):
        for size in SIZES:
            limits[size].append(_bench(settings, folder, "syncs", settings.seconds, size))
            for callers in CALLERS:
                appended = _bench(settings, folder, "append", settings.seconds, callers, size)
                found.setdefault((callers, size), []).append(appended)
    opened = _bench(settings, folder, "open", settings.experiences, settings.repeats)

    report.rows(
        "bare_writes",
        ["bytes", "synced writes/s"],
        [
            [size, spread(one["syncs"] / one["seconds"] for one in runs)]
            for size, runs in limits.items()
        ],
    )
    report.rows(
        "durable_appends",
        ["callers", "bytes", "appends/s", "syncs per append"],
        [[*case, _rates(runs), _syncs(runs)] for case, runs in found.items()],
    )
    report.rows(
        "opening_a_store",
        ["experiences", "store and log, s", "of that the store, s", "filling it, s"],
        [
            [
                opened["experiences"],
                spread(opened["seconds"]),
                spread(opened["store_seconds"]),
                opened["fill_seconds"],
            ]
        ],
    )
    report.note("the files were just written: they are read from the page cache")
    return ratios(found, limits, opened)


def _rates(runs: list[dict[str, Any]]) -> Any:
    return spread(one["appends"] / one["seconds"] for one in runs)


def _syncs(runs: list[dict[str, Any]]) -> Any:
    return spread(one["syncs"] / one["appends"] for one in runs if one["appends"])


def ratios(
    found: dict[tuple[int, int], list[dict[str, Any]]],
    limits: dict[int, list[dict[str, Any]]],
    opened: dict[str, Any],
) -> dict[str, float | None]:
    """Of the smallest size."""
    size, many = min(SIZES), max(CALLERS)

    def rate(callers: int) -> float | None:
        return median(one["appends"] / one["seconds"] for one in found[callers, size])

    bare = median(one["syncs"] / one["seconds"] for one in limits[size])
    per_append = median(one["syncs"] / one["appends"] for one in found[many, size])
    return {
        f"syncs_per_append_{many}": ratio(per_append, 1),
        f"appends_{many}_over_1": ratio(rate(many), rate(1)),
        "appends_1_over_bare_writes": ratio(rate(1), bare),
        "open_seconds": ratio(median(opened["seconds"]), 1),
    }
