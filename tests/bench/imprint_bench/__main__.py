# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""`tests/bench/run`."""

from __future__ import annotations

import importlib
import shlex
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import grpc

from imprint_bench import machine, transformers_peer
from imprint_bench.gguf_model import NotConvertibleError
from imprint_bench.llama import LlamaError
from imprint_bench.load import LoadError
from imprint_bench.report import Report
from imprint_bench.server import BenchError
from imprint_bench.settings import Settings, parse
from imprint_eval.server import ServerError

# Those that have no peer, and so no libtorch to ask.
_WITHOUT_PEERS = ("log", "micro")
_FAILURES = (
    BenchError,
    LlamaError,
    LoadError,
    NotConvertibleError,
    ServerError,
    transformers_peer.PeerError,
)


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def _facts(settings: Settings, report: Report) -> None:
    report.facts(**machine.facts(), dtype=settings.dtype, repeats=settings.repeats)
    if settings.name in _WITHOUT_PEERS:
        return
    done = subprocess.run(
        [settings.imprintd, "--version"], capture_output=True, text=True, check=True, timeout=60
    )
    report.facts(
        model=settings.model.name,
        versions={
            "imprintd": done.stdout.strip(),
            **transformers_peer.versions(),
        },
        limit_by_threads=transformers_peer.run_once("matmul.py", limit_seconds=600),
    )


def main() -> int:
    settings = parse()
    signal.signal(signal.SIGTERM, _stop)  # as Ctrl-C: what was started ends
    report = Report(settings.name, shlex.join(sys.argv[1:]), say=not settings.json)
    benchmark = importlib.import_module(f"imprint_bench.{settings.name}")
    try:
        _facts(settings, report)
        with tempfile.TemporaryDirectory(prefix="imprint-bench-") as folder:
            report.finish(benchmark.run(settings, report, Path(folder)))
    except _FAILURES as error:
        print(f"run: {error}", file=sys.stderr)
        return 1
    except grpc.RpcError as error:
        print(f"run: the server refused: {error.code().name}: {error.details()}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nrun: stopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
