# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""`tests/eval/run`."""

from __future__ import annotations

import signal
import sys

import grpc

from imprint_eval.data import DataError
from imprint_eval.evaluation import Evaluation
from imprint_eval.flags import parse
from imprint_eval.plots import draw
from imprint_eval.report import render
from imprint_eval.server import ServerError
from imprint_eval.units import ResumeError


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    settings = parse()
    signal.signal(signal.SIGTERM, _stop)  # as Ctrl-C: the servers end, the run can go on
    try:
        evaluation = Evaluation(settings)
        try:
            summary = evaluation.run()
        finally:
            evaluation.close()
    except (DataError, ResumeError, ServerError) as error:
        print(f"run: {error}", file=sys.stderr)
        return 1
    except grpc.RpcError as error:
        print(f"run: the server refused: {error.code().name}: {error.details()}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nrun: stopped; --resume --out={settings.out} goes on with it", file=sys.stderr)
        return 130
    pictures = draw(summary, settings.out)
    print(render(summary))
    print(f"\n{settings.out / 'summary.json'}", *pictures, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
