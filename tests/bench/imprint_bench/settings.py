# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The command line."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from imprint_eval.server import parse_server_flags

ROOT = Path(__file__).resolve().parents[3]
_BIN_DIR = Path(os.environ.get("IMPRINT_BIN_DIR", ROOT / "build/release/bin"))
NAMES = ("update", "generate", "serve", "interference", "log", "micro")


@dataclass(frozen=True)
class Settings:
    """One run."""

    name: str
    json: bool
    model: Path
    dtype: str
    threads: int
    repeats: int
    streams: list[int]
    prompts: list[int]
    output: int
    contexts: list[int]
    max_steps: int
    peers: list[str]
    experiences: int
    seconds: float
    bin_dir: Path
    cache: Path
    server_flags: dict[str, str]

    @property
    def imprintd(self) -> Path:
        return self.bin_dir / "imprintd"


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return value


def _counts(text: str) -> list[int]:
    return [_count(part) for part in text.split(",") if part]


def _words(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def _server_flags(text: str) -> dict[str, str]:
    try:
        return parse_server_flags(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def parse(arguments: list[str] | None = None) -> Settings:
    parser = argparse.ArgumentParser(
        prog="tests/bench/run",
        description="Measures Imprint beside its peers, in the same run (README.md).",
    )
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--json", action="store_true", help="print the line of JSON only")
    parser.add_argument(
        "--model",
        type=Path,
        default=ROOT / "build/models/smollm2-135m-instruct",
        help="Hugging Face folder, a Llama in bf16; default: the demo model",
    )
    parser.add_argument("--dtype", choices=("bf16", "f32"), default="bf16", help="of the server")
    parser.add_argument(
        "--threads",
        type=int,
        default=0,
        metavar="N",
        help="of every side; default: each side's better count, tried first",
    )
    parser.add_argument(
        "--repeats", type=_count, default=3, metavar="N", help="default: %(default)s"
    )
    parser.add_argument(
        "--peers",
        type=_words,
        default=["llama", "transformers"],
        metavar="LIST",
        help="which to run, of llama and transformers; default: both",
    )
    serve = parser.add_argument_group("serve")
    serve.add_argument("--streams", type=_counts, default=[1, 4, 16, 64], metavar="LIST")
    serve.add_argument("--prompts", type=_counts, default=[128, 1024], metavar="LIST")
    serve.add_argument("--output", type=_count, default=128, metavar="TOKENS")
    update = parser.add_argument_group("update, generate and interference")
    update.add_argument(
        "--contexts",
        type=_counts,
        default=[],
        metavar="LIST",
        help="tokens of the contexts; default: 200,1000,4000, and 1000 alone for generate and "
        "interference",
    )
    update.add_argument(
        "--max_steps", type=int, default=0, metavar="N", help="of a job; default: its own end"
    )
    log = parser.add_argument_group("log")
    log.add_argument(
        "--experiences",
        type=_count,
        default=1_000_000,
        metavar="N",
        help="in the store that is opened; default: %(default)s",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=10,
        metavar="S",
        help="of each load of interference and log, of twenty parts of micro; default: %(default)s",
    )
    parser.add_argument(
        "--bin_dir",
        type=Path,
        default=_BIN_DIR,
        help="the programs; default: IMPRINT_BIN_DIR or build/release/bin",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=ROOT / "build/bench",
        help="folder of what is made once: GGUF, retention text; default: build/bench",
    )
    parser.add_argument(
        "--server_flags", type=_server_flags, default={}, metavar='"--a=b ..."', help="they win"
    )
    return Settings(**vars(parser.parse_args(arguments)))
