# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""A progress bar on a terminal, a line for each step in a log."""

from __future__ import annotations

import shutil
import sys
import time

_CELLS = 24


class Progress:
    """Counts steps up to a total that is known beforehand. Writes to stderr."""

    def __init__(self) -> None:
        self._on_terminal = sys.stderr.isatty()
        self.start(total=1, done=0)

    def start(self, total: int, done: int) -> None:
        """`done` of the `total` steps were done by an earlier run."""
        self._total = max(total, 1)
        self._done = self._skipped = done
        self._begin = time.monotonic()

    def step(self, what: str) -> None:
        """One more is done."""
        self._done += 1
        if self._on_terminal:
            self.say(what)
        else:
            print(f"[{self._done}/{self._total}] {what}", file=sys.stderr, flush=True)

    def say(self, what: str) -> None:
        """What happens now; a log has no use for it."""
        if not self._on_terminal:
            return
        columns = shutil.get_terminal_size().columns
        filled = _CELLS * min(self._done, self._total) // self._total
        bar = "#" * filled + "." * (_CELLS - filled)
        line = f"[{bar}] {self._done}/{self._total}{self._left()} {what}"
        print(f"\r\x1b[K{line[: columns - 1]}", end="", file=sys.stderr, flush=True)

    def _left(self) -> str:
        done = self._done - self._skipped
        if done <= 0:
            return ""
        seconds = (time.monotonic() - self._begin) / done * max(self._total - self._done, 0)
        if seconds < 90:
            return f" {seconds:.0f} s left"
        return f" {seconds / 60:.0f} min left"

    def end(self) -> None:
        if self._on_terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
