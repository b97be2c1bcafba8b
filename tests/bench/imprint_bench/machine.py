# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The machine as it is now: what it is, how loaded, and what its second core is worth."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

_BLOCK = bytes(1 << 20)
_WANTED_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")


def cpu_facts(cpuinfo: str) -> tuple[str, list[str]]:
    """Name and those instruction sets that decide about speed, of the text of /proc/cpuinfo."""
    fields = {}
    for line in cpuinfo.splitlines():
        name, separator, value = line.partition(":")
        if separator:
            fields.setdefault(name.strip(), value.strip())
    flags = fields.get("flags", "").split()
    return fields.get("model name", "unknown"), [flag for flag in _WANTED_FLAGS if flag in flags]


def facts() -> dict[str, Any]:
    name, flags = cpu_facts(Path("/proc/cpuinfo").read_text())
    return {
        "cpu": f"{name}, {os.cpu_count()} cores, {' '.join(flags)}",
        "load_before": round(os.getloadavg()[0], 2),
        "two_threads_over_one": round(two_over_one(), 2),
    }


def _blocks_hashed(barrier: Any, seconds: float, counts: Any, place: int) -> None:
    barrier.wait()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        hashlib.sha256(_BLOCK).digest()
        counts[place] += 1


def _rate(processes: int, seconds: float) -> float:
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(processes)
    counts = context.Array("q", processes, lock=False)
    workers = [
        context.Process(target=_blocks_hashed, args=(barrier, seconds, counts, place))
        for place in range(processes)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts) / seconds


def two_over_one(seconds: float = 1.0, repeats: int = 3) -> float:
    """Work of two busy loops side by side over that of one: 2 on two free cores, 1 where they
    share the power of one. The best of `repeats`."""
    return max(_rate(2, seconds) / _rate(1, seconds) for _ in range(repeats))


def peak_bytes(pid: int) -> int:
    """The most memory that the process had in RAM since it began or reset_peak."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    raise ValueError(f"process {pid} has no VmHWM")


def reset_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")
