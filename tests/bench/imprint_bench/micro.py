# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Loss, attention, sampling and tokenizer, each beside the plain way; by micro_bench."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from imprint_bench.figures import ratio, spread
from imprint_bench.report import Report
from imprint_bench.server import BenchError
from imprint_bench.settings import Settings
from imprint_bench.threads import counts

_LIMIT_SECONDS = 3600
# Each benchmark is measured for this part of --seconds.
_MEASURED_PARTS = 20
# Ours, and the plain way to do the same; as Google Benchmark names them.
PAIRS = {
    "loss_256": ("LossInChunks/256", "LossInWhole/256"),
    "decode_attention_1": ("DecodeAttention/1", "DecodeAttentionByTorch/1"),
    "decode_attention_16": ("DecodeAttention/16", "DecodeAttentionByTorch/16"),
    "train_attention_64": ("TrainAttention/InWholeProducts/64", "TrainAttention/ByTorch/64"),
    "sampling_top_p_16": ("Sampling/TopP/16", "SamplingBySort/16"),
}


def nanoseconds(output: str) -> dict[str, list[float]]:
    """Real time of each repetition, by name, of Google Benchmark's JSON."""
    found: dict[str, list[float]] = {}
    units = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}
    for one in json.loads(output)["benchmarks"]:
        if one.get("run_type") == "iteration":
            value = one["real_time"] * units[one["time_unit"]]
            found.setdefault(one["run_name"], []).append(value)
    return found


def _run(settings: Settings, threads: int) -> dict[str, list[float]]:
    command = [str(settings.bin_dir / "micro_bench"), str(settings.model), str(threads)]
    command += ["--benchmark_format=json", f"--benchmark_repetitions={settings.repeats}"]
    command += [f"--benchmark_min_time={settings.seconds / _MEASURED_PARTS}"]
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, timeout=_LIMIT_SECONDS, check=False
        )
    except OSError as error:
        raise BenchError(f"{error}; build the target micro_bench, or name --bin_dir") from error
    if done.returncode != 0:
        raise BenchError(f"micro_bench ended with {done.returncode}")
    return nanoseconds(done.stdout)


def run(settings: Settings, report: Report, folder: Path) -> dict[str, float | None]:
    del folder
    tried = [settings.threads] if settings.threads else counts()
    found = {threads: _run(settings, threads) for threads in tried}
    names = list(next(iter(found.values())))
    report.rows(
        "microseconds",
        ["what", *(f"threads {threads}" for threads in tried)],
        [
            [name, *(spread(value / 1e3 for value in found[threads][name]) for threads in tried)]
            for name in names
        ],
    )
    return ratios(found)


def ratios(found: dict[int, dict[str, list[float]]]) -> dict[str, float | None]:
    """The plain way's time over ours, each with its better thread count: above 1 ours is faster."""

    def best(name: str) -> float | None:
        middles: list[Any] = [spread(times.get(name, [])) for times in found.values()]
        return min((one["median"] for one in middles if one), default=None)

    return {
        f"{pair}_vs_plain": ratio(best(plain), best(ours)) for pair, (ours, plain) in PAIRS.items()
    }
