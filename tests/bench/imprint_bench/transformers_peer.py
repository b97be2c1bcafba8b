# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The peers that are Python programs with libtorch: each runs in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PEERS = Path(__file__).resolve().parents[1] / "peers"
# No look at a hub, and no words on stderr but errors.
_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "PYTHONWARNINGS": "ignore",
    "TQDM_DISABLE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}


class PeerError(Exception):
    """A peer's program ended otherwise than it should; its own words are on stderr."""


def command(program: str, *arguments: object) -> list[str]:
    return [sys.executable, str(PEERS / program), *map(str, arguments)]


def environment() -> dict[str, str]:
    return {**os.environ, **_QUIET}


def run_once(program: str, *arguments: object, limit_seconds: float) -> Any:
    """The JSON that it prints last."""
    done = subprocess.run(
        command(program, *arguments),
        stdout=subprocess.PIPE,
        text=True,
        timeout=limit_seconds,
        env=environment(),
        check=False,
    )
    if done.returncode != 0:
        raise PeerError(f"{program} ended with {done.returncode}")
    return json.loads(done.stdout.strip().splitlines()[-1])


class Generator:
    """peers/generate.py, waiting for batches. A context manager."""

    def __init__(self, model: Path, threads: int) -> None:
        self._process = subprocess.Popen(
            command("generate.py", model, threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        self._read()

    def _read(self) -> Any:
        line = self._process.stdout.readline()
        if not line:
            raise PeerError(f"generate.py ended with {self._process.wait()}")
        return json.loads(line)

    def run(self, **batch: Any) -> dict[str, Any]:
        self._process.stdin.write(json.dumps(batch) + "\n")
        self._process.stdin.flush()
        return self._read()

    def __enter__(self) -> Generator:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def versions() -> dict[str, str]:
    import importlib.metadata

    return {name: importlib.metadata.version(name) for name in ("torch", "transformers", "peft")}
