# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The command line."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imprint_eval import methods
from imprint_eval.server import parse_server_flags
from imprint_eval.stubs import IMPRINTD

PROTOCOLS = ("single", "batch", "sequential", "conversational-recommendation")
DEFAULT_METHODS = ("base", "in-context", "self-param")


@dataclass(frozen=True)
class Settings:
    """What is asked for."""

    model: Path | None
    data: Path | None
    retention: Path | None
    piqa: Path | None
    facts: Path | None
    inspired: Path | None
    out: Path
    server: str
    imprintd: Path
    server_flags: dict[str, str]
    protocol: str
    contexts: int
    methods: list[str]
    seed: int
    resume: bool
    questions_per_context: int
    probe_every: int
    retention_windows: int
    piqa_questions: int
    turns: int
    candidates: int

    def of_the_run(self) -> dict[str, Any]:
        """What must not change when a run is taken up again; methods may be added."""
        same = dict(vars(self))
        for free in ("methods", "resume", "out", "imprintd"):
            del same[free]
        return {
            name: str(value) if isinstance(value, Path) else value for name, value in same.items()
        }

    def command(self) -> str:
        """What makes this run again; files by their names, wherever they lie."""
        words = ["tests/eval/run"]
        for name, value in vars(self).items():
            if name in ("resume", "out", "imprintd") or value in (None, "", {}):
                continue
            if isinstance(value, Path):
                value = value.name
            elif isinstance(value, list):
                value = ",".join(value)
            elif isinstance(value, dict):
                value = " ".join(f"--{flag}={setting}" for flag, setting in value.items())
            words.append(shlex.quote(f"--{name}={value}"))
        return " ".join(words)


def _methods(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in methods.ALL]
    if unknown or not names:
        raise argparse.ArgumentTypeError(
            f"{', '.join(unknown) or 'nothing'} is no method; there are {', '.join(methods.ALL)}"
        )
    return methods.in_order(names)


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _size(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return value


def _file(text: str) -> Path:
    path = Path(text)
    if not path.exists():
        raise argparse.ArgumentTypeError(f"{path} does not exist")
    return path.resolve()


def _server_flags(text: str) -> dict[str, str]:
    try:
        return parse_server_flags(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def parse(arguments: list[str] | None = None) -> Settings:
    parser = argparse.ArgumentParser(
        prog="tests/eval/run",
        description="Measures what a model learns from contexts that Imprint writes into its "
        "weights, what it loses, and what that costs. tests/eval/README.md says how to read "
        "the numbers.",
        allow_abbrev=False,
    )
    what = parser.add_argument_group("what is evaluated")
    what.add_argument("--model", type=_file, help="Hugging Face folder of the base model")
    what.add_argument(
        "--protocol", choices=PROTOCOLS, default="single", help="default: %(default)s"
    )
    what.add_argument(
        "--methods",
        type=_methods,
        default=list(DEFAULT_METHODS),
        metavar="A,B",
        help=f"of {', '.join(methods.ALL)}; default: {','.join(DEFAULT_METHODS)}",
    )
    what.add_argument(
        "--contexts", type=_count, default=20, metavar="N", help="how many; default: %(default)s"
    )
    what.add_argument(
        "--questions_per_context",
        type=_size,
        default=5,
        metavar="N",
        help="asked of each context at most, 0: all; default: %(default)s",
    )
    what.add_argument("--seed", type=int, default=1, help="of every choice; default: %(default)s")

    data = parser.add_argument_group("data; none of it is ever trained on but the contexts")
    data.add_argument(
        "--data", type=_file, help="JSON list of {title, context, questions: [{question, answer}]}"
    )
    data.add_argument(
        "--retention", type=_file, help="unrelated text, paragraphs parted by an empty line"
    )
    data.add_argument("--piqa", type=_file, help="JSON lines {goal, sol1, sol2, label}")
    data.add_argument("--facts", type=_file, help="JSON list of {question, answer}")
    data.add_argument("--inspired", type=_file, help="folder of INSPIRED")
    data.add_argument(
        "--retention_windows",
        type=_count,
        default=64,
        metavar="N",
        help="windows of 70 words of the retention text; default: %(default)s",
    )
    data.add_argument(
        "--piqa_questions",
        type=_count,
        default=200,
        metavar="N",
        help="questions of PIQA; default: %(default)s",
    )

    protocols = parser.add_argument_group("protocols")
    protocols.add_argument(
        "--probe_every",
        type=_count,
        default=5,
        metavar="K",
        help="sequential: all earlier contexts are asked after every K-th job; "
        "default: %(default)s",
    )
    protocols.add_argument(
        "--turns",
        type=_size,
        default=20,
        metavar="N",
        help="conversational-recommendation: turns asked, 0: all; default: %(default)s",
    )
    protocols.add_argument(
        "--candidates",
        type=_size,
        default=50,
        metavar="N",
        help="conversational-recommendation: titles ranked for a turn, the right ones and drawn "
        "ones, 0: the whole item list; default: %(default)s",
    )

    run = parser.add_argument_group("the run")
    run.add_argument("--out", type=Path, required=True, help="folder of results; made")
    run.add_argument("--resume", action="store_true", help="go on with the run that is in --out")
    run.add_argument(
        "--server",
        default="",
        metavar="ADDRESS",
        help="a running, empty server instead of own ones",
    )
    run.add_argument(
        "--imprintd",
        type=Path,
        default=IMPRINTD,
        help="the program to start; default: that of IMPRINT_BIN_DIR or build/release/bin",
    )
    run.add_argument(
        "--server_flags",
        type=_server_flags,
        default={},
        metavar='"--a=b ..."',
        help="for the started servers; they win over what the evaluation sets",
    )
    given = parser.parse_args(arguments)
    if given.protocol == "conversational-recommendation":
        if given.inspired is None:
            parser.error("--protocol=conversational-recommendation needs --inspired=DIR")
    elif given.data is None:
        parser.error(f"--protocol={given.protocol} needs --data=FILE")
    if not given.server and given.model is None:
        parser.error("give --model=DIR, or --server=ADDRESS of a running one")
    if given.server and given.server_flags:
        parser.error("--server_flags is for servers that are started here; --server is running")
    return Settings(**vars(given))
