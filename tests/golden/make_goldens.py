#!/usr/bin/env python3
# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Makes the files under tests/golden again. Needs torch and transformers (see README.md)."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from transformers import logging

import families
import greedy
import text_cases
import tiny_chat

PARTS = ("families", "tiny-chat", "greedy", "text")
GOLDEN = Path(__file__).resolve().parent
DEMO_MODEL = GOLDEN.parents[1] / "build/models/smollm2-135m-instruct"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "parts",
        nargs="*",
        default=PARTS,
        choices=PARTS,
        metavar="PART",
        help=f"which of {', '.join(PARTS)}; default: all",
    )
    parser.add_argument("--out", type=Path, default=GOLDEN, help="default: %(default)s")
    parser.add_argument(
        "--demo_model",
        type=Path,
        default=DEMO_MODEL,
        help="folder made by deploy/demo_model.py; default: %(default)s",
    )
    parser.add_argument("--tiny_chat_steps", type=int, default=2500, help="default: %(default)s")
    arguments = parser.parse_args()
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    out: Path = arguments.out
    if "families" in arguments.parts:
        families.make(out)
    if "tiny-chat" in arguments.parts:
        tiny_chat.make(out / "tiny-chat", arguments.tiny_chat_steps)
    if "greedy" in arguments.parts:
        greedy.make(arguments.demo_model, out / "smollm2_greedy.json")
    if "text" in arguments.parts:
        text_cases.make("smollm2-135m-instruct", arguments.demo_model, out / "text/smollm2.json")
        text_cases.make("tiny-chat", out / "tiny-chat", out / "text/tiny-chat.json")


if __name__ == "__main__":
    main()
