# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""What the machine gives at most: bf16 and f32 products and the bandwidth of a large copy, by
libtorch, with one thread and with two. Prints JSON: {"1": {"bf16_gflops": ...}, "2": ...}."""

import json
import time

import torch

# The largest product of the demo model's blocks, over a training step of rows.
ROWS, INNER, OUTER = 256, 576, 1536
REPEATS = 7


def best_seconds(work, times):
    seconds = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        for _ in range(times):
            work()
        seconds.append((time.perf_counter() - begin) / times)
    return min(seconds)


def gflops(dtype):
    x = torch.randn(ROWS, INNER, dtype=dtype)
    weight = torch.randn(OUTER, INNER, dtype=dtype)
    seconds = best_seconds(lambda: torch.nn.functional.linear(x, weight), times=50)
    return 2e-9 * ROWS * INNER * OUTER / seconds


def copied_gbytes_per_second():
    source = torch.ones(64 << 20, dtype=torch.float32)
    target = torch.empty_like(source)
    seconds = best_seconds(lambda: target.copy_(source), times=1)
    return 2e-9 * source.nbytes / seconds


def main():
    found = {}
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found[threads] = {
            "bf16_gflops": gflops(torch.bfloat16),
            "f32_gflops": gflops(torch.float32),
            "copy_gbytes_per_second": copied_gbytes_per_second(),
        }
    print(json.dumps(found))


if __name__ == "__main__":
    with torch.no_grad():
        main()
