# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""Starting a server of the evaluation's own, one for each method that trains."""

from __future__ import annotations

import contextlib
import ctypes
import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

from imprint_eval.client import Client

_PR_SET_PDEATHSIG = 1
LISTEN_SECONDS = 900
STOP_SECONDS = 120

# Jobs run on command only. The gate lets through what a user's server might refuse: what is
# wanted here is the figure, good or bad; --server_flags brings the limits back.
EVALUATION_FLAGS = {
    "listen": "127.0.0.1:0",
    "metrics_listen": "",
    "log_format": "text",
    "drain_deadline": "5s",
    "update.min_batch": "1000000",
    "update.min_tokens": "1000000000",
    "update.max_age": "87600h",
    "update.max_batch": "1000000",
    "gate.max_retention_kl": "100",
    "gate.max_earlier_loss": "100",
    "gate.min_efficacy": "-100",
}


class ServerError(Exception):
    """The server cannot be started or is gone; the message says what it wrote."""


def parse_server_flags(text: str) -> dict[str, str]:
    """Words such as --update.epochs=3, parted by spaces, as names and values."""
    flags = {}
    for word in text.split():
        name, separator, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not name or not separator:
            raise ValueError(f"--server_flags: {word!r} is not --name=value")
        flags[name] = value
    return flags


def known_flags(imprintd: Path) -> str:
    """What the program says of its flags."""
    try:
        done = subprocess.run(
            [str(imprintd), "--help"], capture_output=True, text=True, check=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ServerError(
            f"{imprintd} cannot be run ({error}); build it, or name another with --imprintd="
        ) from error
    return done.stdout


def _end_with_parent() -> None:
    """Linux: the server gets SIGTERM when the evaluation is killed, or its data folder would
    stay locked and the run could not be taken up again."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class StartedServer:
    """One imprintd of our own. A context manager: it ends with the block."""

    def __init__(self, imprintd: Path, model: Path, folder: Path, flags: dict[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log_path = folder / "log.txt"
        port_file = folder / "ports.json"
        port_file.unlink(missing_ok=True)
        values = {**EVALUATION_FLAGS, "model": str(model), "data_dir": str(folder / "data")}
        values.update(flags, port_file=str(port_file))
        command = [str(imprintd), *(f"--{name}={value}" for name, value in values.items())]
        with self._log_path.open("ab") as log:
            # A session of its own: Ctrl-C is for the evaluation, which then ends the server.
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        self._await_listening(port_file)
        ports = json.loads(port_file.read_text())
        self.pid = self._process.pid
        self.address = f"127.0.0.1:{ports['listen']}"
        self.client = Client(self.address, self._is_alive)

    def _await_listening(self, port_file: Path) -> None:
        end = time.monotonic() + LISTEN_SECONDS
        while not port_file.exists():
            if self._process.poll() is not None:
                raise ServerError(f"imprintd ended:\n{self._last_words()}")
            if time.monotonic() > end:
                self._process.kill()
                raise ServerError(f"imprintd does not listen after {LISTEN_SECONDS} s")
            time.sleep(0.05)

    def _is_alive(self) -> bool:
        return self._process.poll() is None

    def _last_words(self) -> str:
        return "\n".join(self._log_path.read_text(errors="replace").splitlines()[-20:])

    def __enter__(self) -> StartedServer:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, *_: object) -> None:
        self.client.close()
        if not self._is_alive():
            if isinstance(error, Exception):
                raise ServerError(f"imprintd ended:\n{self._last_words()}") from error
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def share_retention_text(source: Path, target: Path) -> None:
    """Spares a server the sampling of text that another of the same model has sampled.

    The server checks that it fits model and flags, and samples its own where it does not.
    """
    cache = source / "data/retention.cache"
    kept = target / "data/retention.cache"
    if cache.exists() and not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copyfile(cache, kept)
