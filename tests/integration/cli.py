# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""The `imprint` program as a user runs it: in a pipe, and on a terminal."""

import dataclasses
import fcntl
import json
import os
import pty
import struct
import subprocess
import termios

import harness

IMPRINT = harness.BIN_DIR / "imprint"
# What a progress bar is made of.
BAR = "\r\x1b[K["

# Exit codes, as --help says.
DONE, ENDED_BADLY, USAGE, UNAVAILABLE, REFUSED = range(5)


@dataclasses.dataclass
class Ran:
    """What a run of the program left."""

    code: int
    out: str
    err: str = ""

    @property
    def lines(self):
        """Standard output as JSON, a value a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def document(self):
        (document,) = self.lines
        return document


class Cli:
    """The program, told which server to talk to."""

    def __init__(self, address, **environment):
        self.address = address
        self._environment = dict(os.environ, IMPRINT_SERVER=address, TZ="UTC", **environment)

    def __call__(self, *words, stdin=""):
        """Runs it with pipes on all three sides."""
        done = subprocess.run(
            [str(IMPRINT), *map(str, words)],
            input=stdin,
            capture_output=True,
            text=True,
            env=self._environment,
            timeout=harness.PATIENCE_SECONDS,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def json(self, *words, stdin=""):
        """Runs it with --json; it must end well."""
        ran = self(*words, "--json", stdin=stdin)
        assert ran.code == DONE, ran
        assert ran.err == ""
        return ran

    def start(self, *words):
        """Begins a run in pipes, to be ended by itself."""
        return subprocess.Popen(
            [str(IMPRINT), *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environment,
        )

    def on_terminal(self, *words, columns=80, typed=""):
        """Runs it on a terminal of its own; what is on the screen comes as `out`."""
        ours, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen(
            [str(IMPRINT), *map(str, words)],
            stdin=its,
            stdout=its,
            stderr=its,
            env=self._environment,
        )
        os.close(its)
        os.write(ours, typed.encode())
        screen = bytearray()
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux's way to say that the other side is closed
                break
            if not piece:
                break
            screen += piece
        os.close(ours)
        code = process.wait(harness.PATIENCE_SECONDS)
        return Ran(code, screen.decode().replace("\r\n", "\n"))


def finish(process):
    """The end of what Cli.start began."""
    out, err = process.communicate(timeout=harness.PATIENCE_SECONDS)
    return Ran(process.returncode, out, err)
